// What must not happen in windows of a few instructions: a copy of the header pauses in them.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "pauses.hpp"
#include "support.hpp"

#include <background.hpp>

using support::await;
using support::latch;

TEST_CASE("A worker that has not seen n fall takes no job that was submitted after it fell") {
    background::n = 2;
    latch running{2}, may_end, other_may_end;
    std::atomic<bool> over{false}, beside{false};
    background::run([&] {
        running.count_down();
        may_end.wait();
        over = true;
    });
    background::run([&] {
        running.count_down();
        other_may_end.wait();
    });
    running.wait();
    pauses::next_at = 1;
    other_may_end.count_down();
    await([] { return pauses::reached.load(); }); // the other worker is about to pop
    background::n = 1;
    background::run([&] { beside = !over; });
    pauses::released = true;
    support::give_way();
    may_end.count_down();
    background::wait();
    CHECK_FALSE(beside);
}
