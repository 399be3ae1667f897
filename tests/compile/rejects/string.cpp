// A string of four as the number of jobs.
// SPDX-License-Identifier: MIT
#include <background.hpp>

int main() {
#ifdef CORRECT
    background::n = 4;
#else
    background::n = "4";
#endif
}
