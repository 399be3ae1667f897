// Proves what background::n promises: values, the limit kept and reached, growing, shrinking, workers on demand.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace support;

namespace {

const int n_before_main = background::n;

/// Jobs that hold a slot each until `release` is called for them.
class blockers {
public:
    explicit blockers(int count) {
        latch running{count};
        for (int job = 0; job < count; ++job) {
            gates_.push_back(std::make_unique<latch>());
            jobs_.push_back(background::run([&running, &gate = *gates_.back()] {
                running.count_down();
                gate.wait();
            }));
        }
        running.wait();
    }
    void release(std::size_t job) {
        gates_[job]->count_down();
        jobs_[job].get();
    }
    void release_all() {
        for (std::size_t job = 0; job < jobs_.size(); ++job) {
            if (jobs_[job].valid()) release(job);
        }
    }

private:
    std::vector<std::unique_ptr<latch>> gates_{};
    std::vector<std::future<void>> jobs_{};
};

/// Submits `count` jobs that are inside `room` for a while, giving way to every other thread.
void crowd(gauge& room, int count) {
    for (int job = 0; job < count; ++job) {
        background::run([&room] {
            room.enter();
            give_way(3);
            room.leave();
        });
    }
}

/// Makes `count` jobs meet, which takes `count` slots, and counts their threads among the marked ones.
void meet(int count) {
    latch everybody{count};
    std::vector<std::future<void>> jobs;
    for (int job = 0; job < count; ++job) {
        jobs.push_back(background::run([&everybody] {
            mark_thread();
            everybody.arrive_and_wait();
        }));
    }
    for (auto& job : jobs) job.get();
}

template<typename Integer> void check_refused(Integer value, const std::string& in_words) {
    const int before = background::n;
    try {
        background::n = value;
        FAIL("n took " << in_words);
    } catch (const std::invalid_argument& error) {
        INFO(error.what());
        const std::string message = error.what();
        const auto found = message.find(in_words);
        CHECK(found != std::string::npos);
        if (found != std::string::npos && found + in_words.size() < message.size()) {
            CHECK(message.find_first_of("0123456789", found + in_words.size()) != found + in_words.size());
        }
    }
    CHECK(background::n == before);
}

} // namespace

TEST_CASE("n is the number of processors unless assigned and can be read before main") {
    const int processors = static_cast<int>(std::thread::hardware_concurrency());
    const int expected = processors == 0 ? 1 : processors;
    CHECK(n_before_main == expected);
    CHECK(background::n == expected);
    STATIC_REQUIRE(std::is_convertible_v<decltype(background::n), int>);
    const int read = background::n;
    CHECK(read == expected);
    meet(expected);
}

TEMPLATE_TEST_CASE("n takes any integer type", "", signed char, unsigned char, char, short, unsigned short, int,
                   unsigned, long, unsigned long, long long, unsigned long long, wchar_t, char16_t, char32_t) {
    background::n = static_cast<TestType>(3);
    CHECK(background::n == 3);
    const TestType large = static_cast<TestType>(100);
    background::n = large;
    CHECK(background::n == 100);
    meet(5);
    background::n = static_cast<TestType>(1);
    CHECK(background::n == 1);
    check_refused(static_cast<TestType>(0), "0");
}

TEST_CASE("n refuses zero and less and names the value and changes nothing") {
    background::n = 3;
    check_refused(0, "0");
    check_refused(-1, "-1");
    check_refused(-3, "-3");
    check_refused(INT_MIN, std::to_string(INT_MIN));
    check_refused(LLONG_MIN, std::to_string(LLONG_MIN));
    check_refused(LLONG_MIN + 1, std::to_string(LLONG_MIN + 1));
    check_refused(static_cast<long long>(INT_MIN) * 2 + 5, std::to_string(static_cast<long long>(INT_MIN) * 2 + 5));
    check_refused(static_cast<signed char>(-3), "-3");
    check_refused(static_cast<short>(-300), "-300");
    check_refused(0u, "0");
    check_refused(0ull, "0");
    check_refused('\0', "0");
    CHECK(background::n == 3);
    meet(3);
    gauge room;
    crowd(room, 200);
    background::wait();
    CHECK(room.most() <= 3);
}

TEST_CASE("Huge values of n are harmless") {
    const auto works = [] {
        const int seen = background::n;
        CHECK(seen >= 1000);
        meet(10);
        auto nested = background::run([] {
            auto inner = background::run([] { return background::get(background::run([] { return 1; })) + 1; });
            return background::get(inner) + 1;
        });
        CHECK(nested.get() == 3);
        std::atomic<int> ran{0};
        for (int job = 0; job < 1000; ++job) background::run([&ran] { ++ran; });
        background::wait();
        CHECK(ran == 1000);
    };
    background::n = INT_MAX;
    works();
    background::n = UINT_MAX;
    works();
    background::n = LLONG_MAX;
    works();
    background::n = ULLONG_MAX;
    works();
    background::n = static_cast<long long>(INT_MAX) + 2;
    works();
    background::n = 1ull << 32;
    works();
    background::n = 2;
    gauge room;
    crowd(room, 200);
    background::wait();
    CHECK(room.most() <= 2);
}

TEST_CASE("Never more than n jobs run at the same time") {
    for (const int slots : {1, 2, 3, 5}) {
        background::n = slots;
        gauge room;
        std::vector<std::thread> submitters;
        for (int submitter = 0; submitter < 3; ++submitter) {
            submitters.emplace_back([&room] { crowd(room, times(2000)); });
        }
        for (auto& submitter : submitters) submitter.join();
        background::wait();
        CHECK(room.most() <= slots);
    }
}

TEST_CASE("While n jobs are blocked no other starts") {
    for (const int slots : {1, 2, 4}) {
        background::n = slots;
        blockers holding{slots};
        std::atomic<int> started{0};
        for (int job = 0; job < 100; ++job) background::run([&started] { ++started; });
        std::thread{[&started] { background::run([&started] { ++started; }); }}.join();
        give_way();
        CHECK(started == 0);
        holding.release_all();
        background::wait();
        CHECK(started == 101);
    }
}

TEST_CASE("n jobs run at the same time when that many are there") {
    for (const int slots : {1, 2, 3, 8, 40}) {
        background::n = slots;
        for (int round = 0; round < times(200); ++round) meet(slots);
    }
}

TEST_CASE("n jobs submitted by jobs run at the same time") {
    background::n = 4;
    for (int round = 0; round < times(1000); ++round) {
        latch everybody{4};
        background::run([&everybody] {
            for (int job = 0; job < 3; ++job) background::run([&everybody] { everybody.arrive_and_wait(); });
            everybody.arrive_and_wait();
        });
        everybody.wait();
        background::wait();
    }
}

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
    background::callback([](std::exception_ptr) { background::n = background::n % 3 + 1; });
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
        blockers holding{4};
        background::n = 2;
        gauge room;
        latch gate;
        for (int job = 0; job < 3; ++job) {
            background::run([&] {
                room.enter();
                gate.wait();
                room.leave();
            });
        }
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

TEST_CASE("Surplus workers retire when they are idle") {
    background::n = 8;
    meet(8);
    background::wait();
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
                std::this_thread::yield();
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

TEST_CASE("With n == 1 jobs need no lock among themselves") {
    const int rounds = times(100);
    int sum = 0;
    for (int round = 0; round < rounds; ++round) {
        background::n = 3;
        for (int job = 0; job < 3; ++job) background::run(give_way, job);
        background::n = 1;
        std::vector<std::thread> submitters;
        for (int submitter = 0; submitter < 2; ++submitter) {
            submitters.emplace_back([&sum] {
                for (int job = 0; job < 10; ++job) background::run([&sum] { ++sum; });
                background::run([&sum] {
                    ++sum;
                    background::get(background::run([&sum] { ++sum; }));
                    ++sum;
                });
            });
        }
        for (auto& submitter : submitters) submitter.join();
        background::wait();
    }
    CHECK(sum == rounds * 2 * 13);
}

#ifdef __linux__

TEST_CASE("Workers start on demand and not for reading or assigning or waiting") {
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
