// A job whose result would be an rvalue reference.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <utility>

int main() {
    static int value = 0;
#ifdef CORRECT
    background::run([]() -> int& { return value; });
#else
    background::run([]() -> int&& { return std::move(value); });
#endif
}
