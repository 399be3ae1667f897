// Proves that workers start on demand, retire when there are too many, and that none sleeps while a job could start.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

using namespace support;

TEST_CASE("Surplus workers retire when they are idle") {
    background::n = 8;
    meet(8);
    background::wait();
    await([] { return marked_threads <= 8; }); // what an earlier case left behind has gone
    CHECK(marked_threads == 8);
    for (const int slots : {5, 4, 1}) {
        background::n = slots;
        await([&] { return marked_threads <= slots; });
        meet(slots);
        CHECK(marked_threads == slots);
    }
    background::n = 6;
    meet(6);
    CHECK(marked_threads == 6);
}

#ifndef _WIN32 // there a thread-local destructor that waits keeps all other threads from ending
TEST_CASE("Workers that retire do not wait for one another in a row") {
    static std::atomic<int> ending{0};
    static latch first_may_end;
    struct slow_end {
        ~slow_end() {
            if (++ending == 1) first_may_end.wait();
        }
    };
    constexpr int workers = 4;
    background::n = workers;
    latch everybody{workers};
    for (int job = 0; job < workers; ++job) {
        background::run([&everybody] {
            thread_local const slow_end here;
            everybody.arrive_and_wait();
        });
    }
    background::wait();
    background::n = 1;                 // one is slow, another may wait for it,
    await([] { return ending >= 2; }); // and the third ends
    first_may_end.count_down();
    await([] { return ending == workers - 1; });
    CHECK(ending == workers - 1);
}
#endif

TEST_CASE("Surplus workers retire as they finish") {
    background::n = 6;
    latch running{6};
    std::array<latch, 6> gates;
    std::vector<std::future<void>> jobs;
    for (auto& gate : gates) {
        jobs.push_back(background::run([&running, &gate] {
            mark_thread();
            running.count_down();
            gate.wait();
        }));
    }
    running.wait();
    await([] { return marked_threads == 6; }); // what an earlier case left behind has gone
    background::n = 2;
    give_way(100);
    CHECK(marked_threads == 6);
    for (std::size_t job = 0; job < 3; ++job) {
        gates[job].count_down();
        jobs[job].get();
    }
    await([&] { return marked_threads <= 3 + 2; }); // three run and two may be parked
    for (std::size_t job = 3; job < 6; ++job) {
        gates[job].count_down();
        jobs[job].get();
    }
    await([&] { return marked_threads <= 2; });
    meet(2);
    CHECK(marked_threads == 2);
}

TEST_CASE("No more than n workers stay after hundreds waited in get") {
    for (const int slots : {1, 3}) {
        background::n = slots;
        std::promise<int> promise;
        const std::shared_future<int> future = promise.get_future().share();
        std::atomic<int> waiting{0};
        const int jobs = times(200);
        for (int job = 0; job < jobs; ++job) {
            background::run([&waiting, future] {
                mark_thread();
                ++waiting;
                background::get(future);
            });
        }
        await([&] { return waiting == jobs; });
        promise.set_value(1);
        background::wait();
        await([&] { return marked_threads <= slots; });
        meet(slots);
        await([&] { return marked_threads <= slots; }); // fewer, if one stays that only stood by for those who waited
    }
}

TEST_CASE("An idle worker is reused before a new one starts") {
    if (ran_in_a_process_of_its_own()) return;
    background::n = 8;
    thread_ids workers;
    for (int round = 0; round < times(5000); ++round) {
        background::run([&workers] { workers.add(); }).get();
        background::wait();
    }
    CHECK(workers.size() == 1);
    meet(3);
    background::wait();
    for (int round = 0; round < times(1000); ++round) {
        for (int job = 0; job < 3; ++job) background::run([&workers] { workers.add(); });
        background::wait();
    }
    CHECK(workers.size() <= 3);
}

TEST_CASE("No job waits behind a blocked one while a slot is free") {
    background::n = 2;
    for (int round = 0; round < times(5000); ++round) {
        latch released;
        auto blocked = background::run([&released] { released.wait(); });
        if (round % 3 == 0) blocked.wait_for(std::chrono::seconds{0});
        background::run([&released] { released.count_down(); });
        blocked.get();
    }
}

TEST_CASE("No job waits behind the blocked one that submitted it while a slot is free") {
    background::n = 2;
    for (int round = 0; round < times(5000); ++round) {
        auto blocking = background::run([round] {
            const int jobs = 1 + round % 50;
            latch others{jobs};
            for (int job = 0; job < jobs; ++job) background::run([&others] { others.count_down(); });
            others.wait(); // not by get: this job keeps its slot
        });
        blocking.get();
    }
}

TEST_CASE("The last free slot works off everything while all others are blocked") {
    background::n = 8;
    for (int round = 0; round < times(100); ++round) {
        blockers holding{7};
        std::atomic<int> ran{0};
        latch last;
        std::thread{[&ran] {
            for (int job = 0; job < 100; ++job) background::run([&ran] { ++ran; });
        }}.join();
        for (int job = 0; job < 100; ++job) background::run([&ran] { ++ran; });
        background::run([&last] { last.count_down(); });
        last.wait();
        CHECK(ran == 200);
        holding.release_all();
        background::wait();
    }
}

TEST_CASE("No wake-up is lost between a worker that goes to sleep and a submitter") {
    for (const int slots : {1, 2}) {
        background::n = slots;
        for (int round = 0; round < times(30000); ++round) {
            std::atomic<bool> ran{false};
            background::run([&ran] { ran = true; });
            for (int turn = 0; turn < round % 200; ++turn) static_cast<void>(ran.load());
            await([&ran] { return ran.load(); });
        }
    }
}

#ifdef __linux__

TEST_CASE("Workers start on demand and not for reading or assigning or waiting") {
    if (ran_in_a_process_of_its_own()) return;
    long first = 0; // ThreadSanitizer starts one of its own with the first thread
    std::thread{[&first] { first = kernel_id(); }}.join();
    await([&first] { return look_at(first).state == '?'; }); // one that has been joined is listed a little longer
    const int before = thread_count();
    background::n = 16;
    CHECK(background::n == 16);
    background::wait();
    CHECK(background::pending() == 0);
    background::callback([](std::exception_ptr) {});
    const background::task work{[] {}};
    std::promise<void> promise;
    promise.set_value();
    background::get(promise.get_future());
    CHECK(thread_count() == before);
    work().get();
    CHECK(thread_count() == before + 1);
    background::wait();
    meet(3);
    CHECK(thread_count() <= before + 4);
    background::n = 1;
    await([&] { return thread_count() == before + 1; });
}

TEST_CASE("Idle workers sleep and do not wake up by themselves") {
    background::n = 4;
    latch everybody{4};
    std::mutex mutex;
    std::vector<long> workers;
    for (int job = 0; job < 4; ++job) {
        background::run([&] {
            {
                const std::lock_guard<std::mutex> lock{mutex};
                workers.push_back(kernel_id());
            }
            everybody.arrive_and_wait();
        });
    }
    background::wait();
    std::vector<thread_state> asleep;
    const auto nobody_woke_up = [&] {
        for (std::size_t worker = 0; worker < workers.size(); ++worker) {
            if (!(look_at(workers[worker]) == asleep[worker])) return false;
        }
        return true;
    };
    for (bool idle = false; !idle;) { // hangs if a worker polls
        asleep.clear();
        for (const long worker : workers) asleep.push_back(await_sleep(worker));
        idle = true;
        for (int look = 0; idle && look < 2000; ++look) idle = nobody_woke_up();
    }
    SUCCEED("a long look saw all of them asleep");
}

#endif
