// A task of a number.
// SPDX-License-Identifier: MIT
#include <background.hpp>

int main() {
#ifdef CORRECT
    background::task t{[] { return 42; }};
#else
    background::task t{42};
#endif
}
