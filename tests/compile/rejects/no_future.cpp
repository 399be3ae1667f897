// Something that is no future where one is waited for.
// SPDX-License-Identifier: MIT
#include <background.hpp>

int main() {
#ifdef CORRECT
    background::get(background::run([] { return 42; }));
#else
    background::get(42);
#endif
}
