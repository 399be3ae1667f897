// Proves what holds when threads cannot be had.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "replaced_new.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "failing_threads.hpp"

using namespace support;

namespace {

const bool allows_threads = between_cases(allow_threads);

} // namespace

TEST_CASE("If the first worker cannot be started the call throws and nothing was submitted") {
    if (ran_in_a_process_of_its_own()) return;
    std::atomic<int> ran{0};
    std::atomic<int> called{0};
    tally held;
    const callback_switch here;
    background::callback(here([&called](std::exception_ptr) { ++called; }));
    const background::task work{[&ran, self = counted{held}](const counted&) { ++ran; }};
    fail_threads(1);
    for (int round = 0; round < 5; ++round) {
        try {
            work(counted{held});
            FAIL("there is no thread and yet it was submitted");
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::resource_unavailable_try_again);
        }
        CHECK_THROWS_AS(background::run([&ran, self = counted{held}] { ++ran; }), std::system_error);
        CHECK(held.live == 1);
        CHECK(background::pending() == 0);
        background::wait();
        background::n = round + 1;
    }
    allow_threads();
    CHECK(background::run([] { return 1; }).get() == 1);
    work(counted{held}).get();
    background::wait();
    CHECK(ran == 1);
    CHECK(called == 2);
    meet(5);
}

#if SUPPORT_REPLACED_NEW
TEST_CASE("If the first worker cannot be started the memory of what was not submitted is given back") {
    if (ran_in_a_process_of_its_own()) return;
    fail_threads(1);
    const long before = live_bytes;
    for (int round = 0; round < 100; ++round) {
        const auto call = [room = std::array<char, 100'000>{}] { static_cast<void>(room); };
        CHECK_THROWS_AS(background::run(call), std::system_error);
    }
    CHECK(live_bytes - before < 1'000'000);
}
#endif

TEST_CASE("If the first worker cannot be started callable and arguments are as they were") {
    if (ran_in_a_process_of_its_own()) return;
    fail_threads(1);
    auto prefix = std::make_unique<int>(40);
    auto callable = [prefix = std::move(prefix)](std::unique_ptr<int> more) { return *prefix + *more; };
    background::task work{std::move(callable)};
    auto argument = std::make_unique<int>(2);
    CHECK_THROWS_AS(std::move(work)(std::move(argument)), std::system_error);
    allow_threads();
    CHECK(std::move(work)(std::move(argument)).get() == 42); // nothing has been moved
}

TEST_CASE("If the first worker cannot be started every one of many submitting threads is told") {
    if (ran_in_a_process_of_its_own()) return;
    std::atomic<int> ran{0};
    std::atomic<int> thrown{0};
    latch started{4}, failing;
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
        submitters.emplace_back([&] {
            started.count_down();
            failing.wait();
            for (int job = 0; job < 100; ++job) {
                try {
                    background::run([&ran] { ++ran; });
                } catch (const std::system_error&) {
                    ++thrown;
                }
            }
        });
    }
    started.wait();
    fail_threads(1);
    failing.count_down();
    for (auto& submitter : submitters) submitter.join();
    allow_threads();
    CHECK(thrown == 400);
    CHECK(background::pending() == 0);
    background::run([] {}).get();
    background::wait();
    CHECK(ran == 0);
}

TEST_CASE("If no second worker can be started the pool carries on with one") {
    if (ran_in_a_process_of_its_own()) return;
    background::n = 4;
    fail_threads(2);
    thread_ids workers;
    std::atomic<int> ran{0};
    blockers holding{1};
    std::vector<std::future<int>> results;
    for (int job = 0; job < 100; ++job) {
        results.push_back(background::run([&, job] {
            workers.add();
            ++ran;
            return job;
        }));
    }
    background::n = 8;
    background::n = 4;
    holding.release_all();
    for (int job = 0; job < 100; ++job) CHECK(results[static_cast<std::size_t>(job)].get() == job);
    for (int job = 0; job < times(1000); ++job) background::run([&ran] { ++ran; });
    background::wait();
    CHECK(ran == 100 + times(1000));
    CHECK(workers.size() == 1);
    allow_threads();
    meet(4);
}

TEST_CASE("No more than n stay parked when n falls while a worker is being started") {
    if (ran_in_a_process_of_its_own()) return;
    background::n = 1; // so the second job starts once the first one waits, and asks for no worker of its own
    std::promise<void> first, second;
    std::atomic<long> id{0};
    std::atomic<long> other_id{0};
    auto one = background::run([&] {
        id = kernel_id();
        background::get(first.get_future());
    });
    background::run([&] { other_id = kernel_id(); }).get();
    await_sleep(other_id); // parked
    background::n = 2;
    const int with_two_workers = thread_count();
    const int starts = thread_starts;
    starters_stay = true;
    auto two = background::run([&] { background::get(second.get_future()); });
    await([starts] { return thread_starts > starts; }); // a third is being started
    first.set_value();
    one.get();
    await_sleep(id); // parked
    background::n = 1;
    give_way(); // to those who are told and have to stay as long as one is being started
    starters_stay = false;
    await([=] { return thread_count() == with_two_workers; }); // the one that waits, and one that is parked
    second.set_value();
    two.get();
}

TEST_CASE("Jobs that are blocked for want of a worker start as soon as a thread can be had for a later one") {
    if (ran_in_a_process_of_its_own()) return;
    background::n = 2;
    fail_threads(2);
    latch released;
    auto blocked = background::run([&released] { released.wait(); });
    background::run([&released] { released.count_down(); });
    allow_threads();
    do background::run([] {}); // one that comes while a start is still being refused does not ask for another
    while (blocked.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready);
    blocked.get();
    background::wait();
}

TEST_CASE("After a passing failure to start a thread a queued job gets its worker at the next job's end") {
    if (ran_in_a_process_of_its_own()) return; // no third worker is parked
    background::n = 3;
    latch two_run{2}, first, second, waited_for;
    for (latch* const end : {&first, &second}) {
        background::run([&two_run, end] {
            two_run.count_down();
            end->wait();
        });
    }
    two_run.wait();
    fail_threads(1);
    auto waits = background::run([&waited_for] { waited_for.wait(); });
    background::run([&waited_for] { waited_for.count_down(); });
    await([] { return thread_starts > 0; });
    give_way();
    allow_threads();
    second.count_down(); // its worker takes the job that waits for the last one, which needs a third worker
    waits.get();
    first.count_down();
    background::wait();
}

namespace {

// Waits for a job that waits for a job, and so on: each level starts a worker.
void wait_deep(gauge& running, int depth) {
    running.enter();
    give_way(20);
    running.leave();
    if (depth == 0) return;
    auto inner = background::run(wait_deep, std::ref(running), depth - 1);
    background::get(inner);
}

} // namespace

TEST_CASE("A worker that runs before its starter knows of it waits for that") {
    if (ran_in_a_process_of_its_own()) return; // no worker is there yet
    background::n = 1;
    starters_linger = true;
    gauge running;
    for (int round = 0; round < 3; ++round) background::run(wait_deep, std::ref(running), 10).get();
    starters_linger = false;
    background::wait();
    CHECK(running.most() == 1);
}

TEST_CASE("Any single thread that cannot be started does no harm") {
    for (int failing = 1; failing < 6; ++failing) { // no round starts many more than five
        background::n = 1;
        background::wait();
        fail_threads(failing, failing);
        background::n = 3;
        std::atomic<int> ran{0};
        for (int job = 0; job < times(300); ++job) {
            try {
                background::run([&ran] { ++ran; });
            } catch (const std::system_error&) {
                ++ran; // the first worker
            }
        }
        std::vector<std::future<int>> results;
        for (int job = 0; job < 5; ++job) {
            results.push_back(background::run([] {
                auto inner = background::run([] { return 1; });
                try {
                    return background::get(inner);
                } catch (const std::system_error&) {
                    return 1;
                }
            }));
        }
        for (auto& result : results) CHECK(result.get() == 1);
        background::wait();
        CHECK(ran == times(300));
        CHECK(background::pending() == 0);
        allow_threads();
        meet(3);
    }
}

namespace {

/// A job that submits the next and waits for it. Where that needs a thread that cannot be had, get may throw.
template<typename Get> int nested(int levels, std::atomic<int>& ran, std::atomic<int>& thrown, Get get) {
    ++ran;
    if (levels == 1) return 1;
    auto inner = background::run(nested<Get>, levels - 1, std::ref(ran), std::ref(thrown), get);
    try {
        return get(inner) + 1;
    } catch (const std::system_error&) {
        ++thrown;
        return 1;
    }
}

template<typename Get> void check_nested_without_threads(Get get) {
    for (const int slots : {1, 2, 3}) {
        for (const int threads : {0, 1, 5}) { // to be had besides the one that is there
            background::n = slots;
            background::run([] {}).get();
            background::wait();
            fail_threads(threads + 1);
            std::atomic<int> ran{0};
            std::atomic<int> thrown{0};
            const int result = background::run(nested<Get>, 50, std::ref(ran), std::ref(thrown), get).get();
            background::wait();
            CHECK(ran == 50);
            CHECK((result == 50 || thrown > 0));
            CHECK(background::pending() == 0);
            allow_threads();
            thrown = 0;
            CHECK(background::run(nested<Get>, 50, std::ref(ran), std::ref(thrown), get).get() == 50);
            CHECK(thrown == 0);
            gauge room;
            for (int job = 0; job < times(300); ++job) {
                background::run([&room] {
                    room.enter();
                    give_way(2);
                    room.leave();
                });
            }
            background::wait();
            CHECK(room.most() <= slots);
        }
    }
}

} // namespace

TEST_CASE("get inside a task never hangs when no thread can be had") {
    check_nested_without_threads([](auto& future) { return background::get(future); });
}

#ifdef __GLIBCXX__
TEST_CASE("With libstdc++ a plain get inside a task never hangs when no thread can be had") {
    check_nested_without_threads([](auto& future) { return future.get(); });
}
#endif

TEST_CASE("get inside a task of a future that is ready needs no thread") {
    background::n = 1;
    auto job = background::run([] {
        std::promise<int> promise;
        promise.set_value(1);
        auto future = promise.get_future();
        fail_threads(1);
        return background::get(future);
    });
    CHECK(job.get() == 1);
    allow_threads();
}

TEST_CASE("get inside a task for another thread's promise never hangs when no thread can be had") {
    background::n = 1;
    std::promise<int> promise;
    latch waiting;
    std::thread keeps{[&] {
        waiting.wait();
        promise.set_value(1);
    }};
    auto job = background::run([&] {
        auto future = promise.get_future();
        fail_threads(1);
        waiting.count_down();
        try {
            return background::get(future);
        } catch (const std::system_error&) {
            return future.get();
        }
    });
    CHECK(job.get() == 1);
    allow_threads();
    keeps.join();
    background::wait();
}
