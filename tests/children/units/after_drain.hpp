// What the two units of the child program after_drain have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include "../frame.hpp"

#include <background.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>

extern std::atomic<int> called; // how often the callback was

template<class R> bool is_ready(const std::future<R>& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

class submits_late {
public:
    explicit submits_late(const char* name) : name_(name) {}
    submits_late(const submits_late&) = delete;
    submits_late& operator=(const submits_late&) = delete;

    ~submits_late() {
        runs_inline();
        keeps_the_promises_of_a_job();
        nests();
        outlives_the_pool();
        frame::say(std::string(name_) + " submitted late");
    }

private:
    static void runs_inline() {
        const int before = called;
        std::future<std::thread::id> where = background::run([] { return std::this_thread::get_id(); });
        frame::demand(is_ready(where), "the future of a late call is ready at once");
        frame::demand(where.get() == std::this_thread::get_id(), "a late job runs on the calling thread");
        frame::demand(called == before + 1, "callbacks are called for a late job");
        const background::task twice{[](int x) { return 2 * x; }};
        frame::demand(background::get(twice(21)) == 42, "get() yields the result of a late task");
    }

    static void keeps_the_promises_of_a_job() {
        auto held = std::make_shared<int>(1);
        auto thrown = background::run([held] { throw std::out_of_range("late"); });
        frame::demand(held.use_count() == 1, "what a late job held is gone when its future is ready");
        bool caught = false;
        try {
            thrown.get();
        } catch (const std::out_of_range&) {
            caught = true;
        }
        frame::demand(caught, "an exception leaves a late job through its future");
    }

    // A late job is a job like any other: it may submit and get(), and must not wait().
    static void nests() {
        const int result = background::run([] {
                               background::run([] {}).get(); // and is still running when another has ended in it
                               bool refused = false;
                               try {
                                   background::wait();
                               } catch (const std::system_error&) {
                                   refused = true;
                               }
                               frame::demand(refused, "wait() in a late job throws");
                               return background::get(
                                   background::run([] { return background::get(background::run([] { return 42; })); }));
                           }).get();
        frame::demand(result == 42, "a late job may submit and wait for others");
        int sum = 0;
        for (int i = 0; i < 1000; ++i) background::run([&sum] { ++sum; });
        frame::demand(sum == 1000, "late calls whose futures are dropped have run");
    }

    static void outlives_the_pool() {
        // The job that called exit(), if one did, is a job for ever.
        const auto left = background::pending();
        frame::demand(left <= 1, "nothing is pending between late calls");
        background::wait();
        background::n = 5;
        frame::demand(background::n == 5, "n can still be assigned and read");
        auto other = std::thread([left] {
            if (left == 0) background::wait(); // else it would wait for that job
            background::run([] {}).get();
        });
        other.join();
    }

    const char* name_;
};
