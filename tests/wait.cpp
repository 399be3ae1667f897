// Proves what background::wait promises.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

using namespace support;

namespace {

/// Whether `background::wait()` throws what it must inside a task.
bool wait_refuses() {
    try {
        background::wait();
    } catch (const std::system_error& error) {
        return error.code() == std::errc::resource_deadlock_would_occur;
    }
    return false;
}

} // namespace

TEST_CASE("wait returns at once when nothing was submitted") {
    background::wait();
    background::run([] {}).get();
    background::wait();
    background::wait();
    SUCCEED("it returned");
}

TEST_CASE("wait returns when everything queued and running is over") {
    std::atomic<int> ran{0};
    int submitted = 0;
    for (int round = 0; round < times(5000); ++round) {
        const int jobs = round % 7;
        for (int job = 0; job < jobs; ++job) {
            background::run([&ran] {
                give_way(1);
                ++ran;
            });
        }
        submitted += jobs;
        background::wait();
        REQUIRE(ran == submitted);
        REQUIRE(background::pending() == 0);
    }
}

TEST_CASE("wait does not return while a job runs or is queued") {
    background::n = 1;
    latch running, gate, second_gate;
    std::atomic<bool> returned{false};
    std::atomic<bool> second_ran{false};
    background::run([&] {
        running.count_down();
        gate.wait();
    });
    background::run([&] {
        second_gate.wait();
        second_ran = true;
    });
    running.wait();
    bool in_time = false;
    std::thread waiter{[&] {
        background::wait();
        in_time = second_ran;
        returned = true;
    }};
    give_way();
    CHECK_FALSE(returned);
    gate.count_down();
    give_way();
    CHECK_FALSE(returned);
    second_gate.count_down();
    waiter.join();
    CHECK(in_time);
}

TEST_CASE("wait includes callbacks") {
    std::atomic<int> called{0};
    const callback_switch here;
    background::callback(here([&called](std::exception_ptr) {
        give_way(2);
        ++called;
    }));
    for (int round = 1; round <= times(5000); ++round) {
        background::run([] {});
        background::wait();
        REQUIRE(called == round);
    }
}

TEST_CASE("wait includes jobs that jobs and callbacks submit") {
    background::n = 2;
    std::atomic<int> ran{0};
    std::atomic<int> to_submit{0};
    const callback_switch here;
    background::callback(here([&](std::exception_ptr) {
        if (--to_submit >= 0) background::run([&ran] { ++ran; });
    }));
    for (int round = 0; round < times(1000); ++round) {
        ran = 0;
        to_submit = 10;
        background::run([&ran] {
            ++ran;
            background::run([&ran] {
                ++ran;
                background::run([&ran] { ++ran; });
            });
        });
        background::wait();
        REQUIRE(ran == 13);
    }
}

TEST_CASE("Any number of threads may wait at the same time") {
    background::n = 2;
    for (int round = 0; round < times(300); ++round) {
        latch gate;
        std::atomic<int> ran{0};
        background::run([&gate] { gate.wait(); });
        for (int job = 0; job < 20; ++job) background::run([&ran] { ++ran; });
        std::vector<std::thread> waiters;
        std::atomic<int> right{0};
        latch started{8};
        for (int waiter = 0; waiter < 8; ++waiter) {
            waiters.emplace_back([&] {
                started.count_down();
                background::wait();
                right += ran == 20;
            });
        }
        started.wait();
        give_way(round % 20);
        gate.count_down();
        for (auto& waiter : waiters) waiter.join();
        REQUIRE(right == 8);
    }
}

TEST_CASE("wait inside a task throws resource_deadlock_would_occur") {
    CHECK(background::run(wait_refuses).get());
    const background::task work{wait_refuses};
    CHECK(work().get());
    CHECK(background::run([] { return background::get(background::run(wait_refuses)) && wait_refuses(); }).get());
    auto after_nested_get = background::run([] {
        background::get(background::run([] {}));
        return wait_refuses();
    });
    CHECK(after_nested_get.get());
    CHECK_THROWS_AS(background::run([] { background::wait(); }).get(), std::system_error);
    background::wait();
    CHECK(background::pending() == 0);
}

TEST_CASE("wait inside a callback throws resource_deadlock_would_occur") {
    std::atomic<int> called{0};
    std::atomic<int> refused{0};
    const callback_switch here;
    background::callback(here([&](std::exception_ptr) {
        ++called;
        refused += wait_refuses();
    }));
    background::run([] {}).get();
    CHECK_THROWS_AS(background::run([] { throw 1; }).get(), int);
    background::run([] {});
    background::wait();
    CHECK(called == 3);
    CHECK(refused == 3);
}

TEST_CASE("wait on a thread that a task started is not inside the task") {
    std::thread waiter;
    std::atomic<bool> returned{false};
    background::run([&] {
        waiter = std::thread{[&returned] {
            background::wait();
            returned = true;
        }};
    }).get();
    waiter.join();
    CHECK(returned);
}
