// What must not happen in windows of a few instructions: threads are stopped in them.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "pauses.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <chrono>
#include <vector>

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
    pauses::next_at = "pop";
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

TEST_CASE("A job stays queued while its successor is being linked to it, and all run in order") {
    std::vector<int> order; // one job at a time
    support::closed_pool pool;
    background::run([&] { order.push_back(1); });
    pauses::next_at = "gap";
    std::thread submitter([&] { background::run([&] { order.push_back(2); }); });
    await([] { return pauses::reached.load(); }); // the second job is counted, and not linked to the first
    auto last = background::run([&] { order.push_back(3); });
    CHECK(background::pending() == 4);
    pool.open();
    support::give_way(); // to the worker, which finds the first job
    CHECK(last.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
    pauses::released = true;
    submitter.join();
    last.get();
    CHECK(order == std::vector<int>{1, 2, 3});
}

#ifdef __linux__
// ThreadSanitizer sees whether it does.
TEST_CASE("With n == 1 a job sees what the job before it did, also when n has just fallen and another worker runs it") {
    background::n = 2;
    latch running{2}, may_end, other_may_end;
    std::atomic<long> id{0};
    int sum = 0; // no lock
    background::run([&] {
        id = support::kernel_id();
        running.count_down();
        may_end.wait();
        sum += 1;
    });
    background::run([&] {
        running.count_down();
        other_may_end.wait();
    });
    running.wait();
    const support::thread_state before = support::await_sleep(id);
    pauses::next_at = "pop";
    other_may_end.count_down();
    await([] { return pauses::reached.load(); }); // the other worker has seen none wanted back
    background::n = 1;
    background::run([&] { sum += 2; });
    may_end.count_down();
    support::await_sleep(id, before); // parked
    pauses::released = true;
    background::wait();
    CHECK(sum == 3);
}

TEST_CASE("No worker is started for a job that another has taken meanwhile") {
    background::n = 2;
    latch running, may_end, taken, taken_may_end;
    background::run([&] {
        running.count_down();
        may_end.wait();
    });
    running.wait();
    const int before = support::thread_count();
    pauses::next_at = "send";
    std::atomic<long> id{0};
    std::thread submitter([&] {
        id = support::kernel_id();
        background::run([&] {
            taken.count_down();
            taken_may_end.wait();
        });
    });
    await([] { return pauses::reached.load(); }); // the submitter is about to start a worker
    may_end.count_down();
    taken.wait(); // the worker that was there has the job
    pauses::released = true;
    submitter.join();
    await([&id] { return support::look_at(id).state == '?'; });
    CHECK(support::thread_count() == before);
    taken_may_end.count_down();
    background::wait();
}
#endif
