// Proves what happens when background::n grows and shrinks while jobs are queued and running.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <exception>
#include <future>
#include <thread>
#include <vector>

using namespace support;

TEST_CASE("Growing takes effect at once for queued jobs") {
    for (int round = 0; round < times(200); ++round) {
        background::n = 1;
        latch everybody{5};
        for (int job = 0; job < 5; ++job) background::run([&everybody] { everybody.arrive_and_wait(); });
        give_way(round % 10);
        background::n = 5;
        everybody.wait();
        background::wait();
    }
}

TEST_CASE("Growing step by step lets one more queued job start at each step") {
    background::n = 1;
    gauge room;
    latch gate;
    for (int job = 0; job < 8; ++job) {
        background::run([&] {
            room.enter();
            gate.wait();
        });
    }
    for (int slots = 1; slots <= 8; ++slots) {
        background::n = slots;
        await([&] { return room.inside() >= slots; });
        give_way(100);
        CHECK(room.inside() == slots);
    }
    gate.count_down();
    background::wait();
}

TEST_CASE("Growing wakes workers that are parked already") {
    for (int round = 0; round < times(200); ++round) {
        background::n = 4;
        meet(4);
        background::wait();
        background::n = 3;
        background::n = 1;
        blockers holding{1};
        latch everybody{3};
        for (int job = 0; job < 3; ++job) background::run([&everybody] { everybody.arrive_and_wait(); });
        background::n = 4;
        everybody.wait();
        holding.release_all();
        background::wait();
    }
}

TEST_CASE("A job may assign n and what it submitted starts while it still runs") {
    for (int round = 0; round < times(200); ++round) {
        background::n = 1;
        auto job = background::run([] {
            latch others{2};
            for (int other = 0; other < 2; ++other) background::run([&others] { others.count_down(); });
            background::n = 2;
            others.wait();
            background::n = 1;
            return static_cast<int>(background::n);
        });
        CHECK(job.get() == 1);
        background::wait();
    }
}

TEST_CASE("A callback may assign n") {
    background::n = 1;
    const callback_switch here;
    background::callback(here([](std::exception_ptr) { background::n = background::n % 3 + 1; }));
    std::atomic<int> ran{0};
    for (int job = 0; job < times(3000); ++job) background::run([&ran] { ++ran; });
    background::wait();
    CHECK(ran == times(3000));
    CHECK(background::n >= 1);
    CHECK(background::n <= 3);
}

TEST_CASE("Assigning n never blocks while jobs hold all slots") {
    background::n = 2;
    blockers holding{2};
    background::run([] {});
    for (const int slots : {1, 2, 1, 3, 1, 2}) {
        background::n = slots;
        CHECK(background::n == slots);
    }
    holding.release_all();
    background::wait();
}

TEST_CASE("Shrinking interrupts nothing and no slot is given out until fewer than n are held") {
    for (int round = 0; round < times(100); ++round) {
        background::n = 4;
        gauge room;
        latch gate;
        const auto visit = [&] {
            room.enter();
            gate.wait();
            room.leave();
        };
        std::promise<void> promise;
        background::run([&visit, future = promise.get_future()]() mutable {
            background::get(future); // it resumes when a slot may be given out, and not before
            visit();
        });
        blockers holding{4};
        background::n = 2;
        for (int job = 0; job < 3; ++job) background::run(visit);
        promise.set_value();
        holding.release(3);
        holding.release(0);
        give_way(50);
        CHECK(room.most() == 0); // the two others still hold both slots
        holding.release(1);
        await([&] { return room.most() == 1; });
        give_way(50);
        CHECK(room.most() == 1);
        holding.release(2);
        await([&] { return room.most() == 2; });
        give_way(50);
        CHECK(room.most() == 2);
        gate.count_down();
        background::wait();
        REQUIRE(room.most() == 2);
    }
}

TEST_CASE("After shrinking the smaller limit is kept under load") {
    for (const int slots : {3, 1, 2}) {
        background::n = 6;
        gauge before;
        crowd(before, times(2000));
        background::n = slots;
        gauge room;
        crowd(room, times(2000));
        background::wait();
        CHECK(before.most() <= 6);
        CHECK(room.most() <= slots);
    }
}

TEST_CASE("n may be assigned by many threads while others submit") {
    background::n = 7; // the largest of what they assign
    std::atomic<int> ran{0};
    std::atomic<bool> over{false};
    gauge room;
    std::vector<std::thread> submitters;
    std::vector<std::thread> resizers;
    const int jobs = times(20000);
    for (int resizer = 0; resizer < 2; ++resizer) {
        resizers.emplace_back([&over, resizer] {
            for (int step = resizer; !over; ++step) {
                background::n = 1 + step % 7;
                give_way(step % 3);
            }
        });
    }
    for (int submitter = 0; submitter < 2; ++submitter) {
        submitters.emplace_back([&] {
            for (int job = 0; job < jobs; ++job) {
                background::run([&] {
                    room.enter();
                    if (++ran % 16 == 0) background::n = 1 + ran % 7;
                    room.leave();
                });
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    over = true;
    for (auto& resizer : resizers) resizer.join();
    CHECK(ran == 2 * jobs);
    CHECK(room.most() <= 7);
    background::n = 1;
    gauge single;
    crowd(single, times(2000));
    background::wait();
    CHECK(single.most() == 1);
    background::n = 5;
    meet(5);
}
