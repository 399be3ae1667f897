// A move-only callable in a task that is called as an lvalue.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <memory>
#include <utility>

int main() {
    background::task work{[held = std::make_unique<int>(1)] { return *held; }};
#ifdef CORRECT
    std::move(work)();
#else
    work();
#endif
}
