// Two units assign n, register callbacks, submit and wait in their static constructors.
// SPDX-License-Identifier: MIT
#include "units/before_main.hpp"

std::atomic<int> called{0};

namespace {

const background::task twice{[](int x) { return 2 * x; }};
const bool registered = (background::callback([](std::exception_ptr) { ++called; }), true);
std::future<int> submitted = twice(21);
const int awaited = twice(4).get();
const int n = background::n;

} // namespace

int main() {
    frame::demand(registered && n >= 1, "n is usable before main");
    frame::demand(awaited == 8, "a static constructor may wait for a job");
    frame::demand(submitted.get() == 42, "a job submitted before main yields its result");
    frame::demand(second_unit() == 42 && background::n == 3, "the second unit did the same");
    background::wait();
    frame::demand(called >= 2, "callbacks registered before main are called");
    frame::demand(background::pending() == 0, "nothing is pending");
    return 7;
}
