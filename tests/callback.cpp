// Proves what background::callback promises.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace support;

TEST_CASE("Callbacks are called after every job in the order of registration") {
    background::n = 1;
    std::string calls;
    const callback_switch here;
    background::callback(here([&calls](std::exception_ptr) { calls += 'a'; }));
    background::run([&calls] { calls += '1'; }).get();
    background::callback(here([&calls](std::exception_ptr) { calls += 'b'; }));
    background::callback(here([&calls](std::exception_ptr) { calls += 'c'; }));
    background::task work{[&calls] { calls += '2'; }};
    work().get();
    background::run([&calls]() -> int {
        calls += '3';
        throw 1;
    });
    background::run([&calls] { calls += '4'; });
    background::wait();
    CHECK(calls == "1a2abc3abc4abc");
}

TEST_CASE("Callbacks get the exception of the job or null") {
    background::n = 1;
    std::vector<std::string> seen;
    const callback_switch here;
    background::callback(here([&seen](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
            seen.push_back("null");
        } catch (const std::exception& exception) {
            seen.push_back(exception.what());
        } catch (int number) {
            seen.push_back(std::to_string(number));
        }
    }));
    background::run([] {});
    background::run([] { throw std::runtime_error{"failed"}; });
    background::run([]() -> std::string { throw 42; });
    int variable = 0;
    background::run([&variable]() -> int& { return variable; });
    auto kept = background::run([]() -> int { throw std::out_of_range{"far"}; });
    background::run([] { return std::string{"fine"}; }).get();
    CHECK(seen == std::vector<std::string>{"null", "failed", "42", "null", "far", "null"});
    CHECK_THROWS_AS(kept.get(), std::out_of_range);
}

TEST_CASE("Callbacks are called on the worker and before the future is ready") {
    const auto caller = std::this_thread::get_id();
    std::atomic<int> called{0};
    std::thread::id calling_thread;
    const callback_switch here;
    background::callback(here([&](std::exception_ptr) {
        give_way(1);
        calling_thread = std::this_thread::get_id();
        ++called;
    }));
    for (int round = 1; round <= times(5000); ++round) {
        if (round % 2 == 0) {
            REQUIRE(background::run([] { return std::this_thread::get_id(); }).get() == calling_thread);
        } else {
            REQUIRE_THROWS_AS(background::run([] { throw 1; }).get(), int);
        }
        REQUIRE(calling_thread != caller);
        REQUIRE(called == round);
    }
}

TEST_CASE("Callbacks have run and the callable is gone when a shared future is ready") {
    tally held;
    std::atomic<int> called{0};
    const callback_switch here;
    background::callback(here([&called](std::exception_ptr) { ++called; }));
    for (int round = 1; round <= times(3000); ++round) {
        const auto shared = background::run([self = counted{held}] {}).share();
        shared.wait();
        REQUIRE(held.live == 0);
        REQUIRE(called == round);
    }
}

TEST_CASE("What a callback throws is ignored and the next one still runs") {
    background::n = 1;
    std::atomic<int> called{0};
    const callback_switch here;
    background::callback(here([](std::exception_ptr) { throw std::runtime_error{"first"}; }));
    background::callback(here([&called](std::exception_ptr) { ++called; }));
    background::callback(here([](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
        throw 2;
    }));
    background::callback(here([&called](std::exception_ptr) { ++called; }));
    CHECK(background::run([] { return 1; }).get() == 1);
    CHECK_THROWS_AS(background::run([] { throw std::string{"job"}; }).get(), std::string);
    background::run([] { throw 1.0; });
    background::wait();
    CHECK(called == 6);
    CHECK(background::run([] { return background::get(background::run([] { return 2; })); }).get() == 2);
}

TEST_CASE("A callback may be any callable and is copied or moved once") {
    static std::atomic<int> calls{0};
    static std::atomic<bool> is_over{false}; // jobs of later tests run at the same time, and `own` is no atomic
    struct functor {
        int own = 0;
        void operator()(const std::exception_ptr&) {
            if (!is_over) calls += ++own;
        }
    };
    static functor outside; // callbacks stay for ever, and so does what they refer to
    background::n = 1;
    background::callback(outside);
    background::callback(functor{10});
    background::callback(std::ref(outside));
    background::callback(+[](std::exception_ptr) { ++calls; });
    background::callback(std::function<int(std::exception_ptr)>{[](std::exception_ptr) { return ++calls; }});
    background::callback([owned = std::make_unique<int>(100)](std::exception_ptr) { calls += *owned; });
    static tally copies;
    const auto named = [self = counted{copies}](std::exception_ptr) {};
    background::callback(named);
    CHECK(copies.copies == 1);
    background::callback([self = counted{copies}](std::exception_ptr) {});
    CHECK(copies.copies == 1);
    background::run([] {}).get();
    CHECK(calls == 1 + 11 + 1 + 1 + 1 + 100);
    background::run([] {}).get();
    CHECK(calls == 115 + 2 + 12 + 2 + 1 + 1 + 100);
    CHECK(outside.own == 2);
    is_over = true;
}

TEST_CASE("A callback may submit jobs and register others") {
    background::n = 1;
    std::atomic<int> first{0};
    std::atomic<int> second{0};
    std::atomic<int> ran{0};
    const callback_switch here;
    background::callback(here([&](std::exception_ptr) {
        if (++first > 5) return;
        background::callback(here([&second](std::exception_ptr) { ++second; }));
        background::run([&ran] { ++ran; });
    }));
    background::run([&ran] { ++ran; });
    background::wait();
    CHECK(ran == 6);
    CHECK(first == 6);
    second = 0;
    background::run([] {}).get();
    CHECK(second == 5);
}

TEST_CASE("A callback may wait in get for a job that it submitted") {
    background::n = 1;
    std::atomic<int> to_submit{50};
    std::atomic<int> right{0};
    const callback_switch here;
    background::callback(here([&](std::exception_ptr) {
        if (--to_submit < 0) return;
        right += background::get(background::run([] { return background::get(background::run([] { return 1; })); }));
    }));
    background::run([] {});
    background::wait();
    CHECK(right == 50);
}

TEST_CASE("A task may register a callback that is called after it or later jobs") {
    std::atomic<int> called{0};
    const callback_switch here;
    background::run([&] { background::callback(here([&called](std::exception_ptr) { ++called; })); }).get();
    called = 0;
    background::run([] {}).get();
    CHECK(called == 1);
}

TEST_CASE("Callbacks may be registered by many threads at once while jobs run") {
    background::n = 2;
    const int each = times(100);
    std::vector<std::unique_ptr<std::atomic<int>>> called;
    for (int callback = 0; callback < 4 * each; ++callback) called.push_back(std::make_unique<std::atomic<int>>(0));
    std::atomic<bool> over{false};
    std::atomic<int> out_of_order{0};
    const callback_switch here;
    latch start{5};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            start.arrive_and_wait();
            for (int callback = 0; callback < each; ++callback) {
                const auto index = static_cast<std::size_t>(thread * each + callback);
                background::callback(here([&, index, callback](std::exception_ptr) {
                    ++*called[index];
                    if (callback > 0 && *called[index - 1] == 0) ++out_of_order;
                }));
            }
        });
    }
    std::thread submits{[&] {
        start.arrive_and_wait();
        while (!over) background::run([] {}).get();
    }};
    for (auto& thread : threads) thread.join();
    over = true;
    submits.join();
    background::wait();
    for (const auto& count : called) *count = 0;
    background::run([] {}).get();
    for (const auto& count : called) CHECK(*count == 1);
    CHECK(out_of_order == 0);
}

TEST_CASE("A callback may take a lock that its submitter holds while submitting") {
    background::n = 1;
    std::mutex mutex;
    int logged = 0;
    const callback_switch here;
    background::callback(here([&](std::exception_ptr) {
        const std::lock_guard<std::mutex> lock{mutex};
        ++logged;
    }));
    const int jobs = times(2000);
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 2; ++submitter) {
        submitters.emplace_back([&] {
            for (int job = 0; job < jobs; ++job) {
                const std::lock_guard<std::mutex> lock{mutex};
                background::run([] {});
                static_cast<void>(background::pending());
                background::n = 1 + job % 3;
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    const std::lock_guard<std::mutex> lock{mutex};
    CHECK(logged == 2 * jobs);
}

TEST_CASE("Every job is told to the callbacks exactly once with many slots too") {
    background::n = 4;
    std::atomic<int> fine{0};
    std::atomic<int> failed{0};
    const callback_switch here;
    background::callback(here([&](std::exception_ptr error) { ++(error ? failed : fine); }));
    const int jobs = times(20000);
    for (int job = 0; job < jobs; ++job) {
        auto future = background::run([job] {
            if (job % 4 == 0) throw job;
        });
        if (job % 3 == 0)
            future = {};
        else if (job % 7 == 0)
            future.wait();
    }
    background::wait();
    CHECK(failed == (jobs + 3) / 4);
    CHECK(fine == jobs - (jobs + 3) / 4);
}
