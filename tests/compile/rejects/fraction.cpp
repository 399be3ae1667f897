// Two and a half jobs at the same time.
// SPDX-License-Identifier: MIT
#include <background.hpp>

int main() {
#ifdef CORRECT
    background::n = 2;
#else
    background::n = 2.5;
#endif
}
