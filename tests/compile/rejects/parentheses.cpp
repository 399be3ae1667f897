// Parentheses make a declaration of what was meant as a call: a variable named work, made from 42.
// SPDX-License-Identifier: MIT
#include <background.hpp>

int work(int value) { return value; }

int main() {
#ifdef CORRECT
    background::task{work}(42);
#else
    background::task(work)(42);
#endif
}
