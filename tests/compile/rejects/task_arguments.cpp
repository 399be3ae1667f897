// A task called with arguments that its callable does not take.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <string>

int main() {
    background::task work{[](std::string name) { return name.size(); }};
#ifdef CORRECT
    work("one");
#else
    work("one", 2);
#endif
}
