// Proves that a job which waits in get gives its slot away, and with libstdc++ in a plain get or wait, too.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

namespace {

constexpr int depth = 200;

struct by_library {
    template<typename Future> auto operator()(Future&& future) const {
        return background::get(std::forward<Future>(future));
    }
};
struct by_plain_get {
    template<typename R> R operator()(std::future<R> future) const { return future.get(); }
};
struct by_plain_wait {
    template<typename R> R operator()(std::future<R> future) const {
        future.wait();
        return future.get();
    }
};
struct by_shared_get {
    template<typename R> R operator()(std::future<R> future) const {
        const std::shared_future<R> shared = future.share();
        return shared.get();
    }
};
struct by_shared_wait {
    template<typename R> R operator()(std::future<R> future) const {
        const std::shared_future<R> shared = future.share();
        const std::shared_future<R> other = shared;
        other.wait();
        return shared.get();
    }
};

/// A job that waits for a job that waits for a job, `levels` deep; counts who has a slot on the way.
template<typename Get> int nested(int levels, gauge& running, Get get) {
    running.enter();
    int below = 0;
    if (levels > 1) {
        auto inner = background::run(nested<Get>, levels - 1, std::ref(running), get);
        running.leave();
        below = get(std::move(inner));
        running.enter();
    }
    running.leave();
    return below + 1;
}

/// A job that waits for two jobs that wait for two jobs each.
template<typename Get> int tree(int levels, gauge& running, Get get) {
    running.enter();
    int below = 0;
    if (levels > 1) {
        auto left = background::run(tree<Get>, levels - 1, std::ref(running), get);
        auto right = background::run(tree<Get>, levels - 1, std::ref(running), get);
        running.leave();
        below = get(std::move(left));
        below += get(std::move(right));
        running.enter();
    }
    running.leave();
    return below + 1;
}

template<typename Get> void check_nesting(Get get) {
    for (const int slots : {1, 2}) {
        background::n = slots;
        for (int round = 0; round < (slowdown == 1 ? 5 : 1); ++round) {
            gauge running;
            REQUIRE(background::run(nested<Get>, depth, std::ref(running), get).get() == depth);
            REQUIRE(running.most() <= slots);
            REQUIRE(background::run(tree<Get>, 7, std::ref(running), get).get() == 127);
            REQUIRE(running.most() <= slots);
        }
    }
    background::wait();
}

} // namespace

TEST_CASE("A job that waits for a promise with get leaves its slot to the job that keeps it") {
    background::n = 1;
    for (int round = 0; round < times(2000); ++round) {
        std::promise<int> promise;
        auto waits = background::run([future = promise.get_future()]() mutable { return background::get(future); });
        background::run([&promise, round] { promise.set_value(round); });
        REQUIRE(waits.get() == round);
        background::wait();
    }
}

TEST_CASE("A job that waits with get for a thread or std::async leaves its slot to others") {
    background::n = 1;
    latch others_ran{2};
    auto by_async = background::run([&others_ran] {
        return background::get(std::async(std::launch::async, [&others_ran] {
            others_ran.wait();
            return 1;
        }));
    });
    std::promise<int> promise;
    std::thread keeps{[&] {
        others_ran.wait();
        promise.set_value(2);
    }};
    auto by_thread = background::run([&promise] { return background::get(promise.get_future().share()); });
    for (int job = 0; job < 2; ++job) background::run([&others_ran] { others_ran.count_down(); });
    CHECK(by_async.get() == 1);
    CHECK(by_thread.get() == 2);
    keeps.join();
}

TEST_CASE("Nested get 200 levels deep cannot deadlock and never lets more than n jobs run") {
    check_nesting(by_library{});
}

TEST_CASE("Hundreds of jobs may wait in get at the same time") {
    background::n = 2;
    const int jobs = times(300);
    gauge running;
    std::promise<int> promise;
    const std::shared_future<int> future = promise.get_future().share();
    std::atomic<int> waiting{0};
    std::vector<std::future<int>> results;
    for (int job = 0; job < jobs; ++job) {
        results.push_back(background::run([&, future, job] {
            running.enter();
            ++waiting;
            running.leave();
            const int value = background::get(future);
            running.enter();
            give_way(2);
            running.leave();
            return value + job;
        }));
    }
    await([&] { return waiting == jobs; });
    CHECK(background::pending() == static_cast<decltype(background::pending())>(jobs));
    background::run([&promise] { promise.set_value(1000); });
    for (int job = 0; job < jobs; ++job) CHECK(results[static_cast<std::size_t>(job)].get() == 1000 + job);
    CHECK(running.most() <= 2);
    background::wait();
}

TEST_CASE("n holds and can be changed while jobs wait in get") {
    background::n = 1;
    gauge running;
    std::atomic<int> waiting{0};
    std::promise<void> promise;
    const std::shared_future<void> future = promise.get_future().share();
    for (int job = 0; job < 12; ++job) {
        background::run([&, future] {
            ++waiting;
            background::get(future);
            running.enter();
            give_way(5);
            running.leave();
        });
    }
    await([&] { return waiting == 12; });
    background::n = 3;
    latch three{3};
    for (int job = 0; job < 3; ++job) background::run([&three] { three.arrive_and_wait(); });
    three.wait();
    background::n = 2;
    promise.set_value();
    background::wait();
    CHECK(running.most() <= 2);
}

TEST_CASE("Growing n lets jobs resume that wait for a slot") {
    background::n = 1;
    for (int round = 0; round < times(200); ++round) {
        background::n = 1;
        latch blocking, gate, resumed{2};
        std::promise<void> promise;
        const std::shared_future<void> future = promise.get_future().share();
        std::atomic<int> waiting{0};
        for (int job = 0; job < 2; ++job) {
            background::run([&, future] {
                ++waiting;
                background::get(future);
                resumed.count_down();
            });
        }
        background::run([&] {
            blocking.count_down();
            gate.wait();
        });
        blocking.wait();
        promise.set_value();
        give_way(round % 30);
        background::n = 2 + round % 2;
        resumed.wait();
        gate.count_down();
        background::wait();
    }
}

#ifdef __linux__

TEST_CASE("A job that has waited in get resumes before queued jobs start") {
    // One slot is in use all the time, so no worker retires: it might hold the pool's mutex when the job wants its slot
    // again, and the job would sleep for that instead.
    background::n = 2;
    blockers holding{1};
    bool right = true;
    for (int round = 0; round < times(100); ++round) {
        std::string order;
        std::promise<void> promise;
        std::atomic<long> waiting_thread{0};
        latch blocking, gate;
        auto waits = background::run([&] {
            waiting_thread = kernel_id();
            background::get(promise.get_future());
            order += 'w';
        });
        background::run([&] {
            blocking.count_down();
            gate.wait();
            order += 'b';
        });
        for (int job = 0; job < 5; ++job) background::run([&order] { order += 'q'; });
        blocking.wait();
        const thread_state before = await_sleep(waiting_thread);
        promise.set_value();
        await_sleep(waiting_thread, before); // it has seen the value and now waits for the slot
        gate.count_down();
        await([] { return background::pending() == 1; });
        right = right && order == "bwqqqqq";
    }
    holding.release_all();
    CHECK(right);
}

#endif

#ifdef __GLIBCXX__

TEST_CASE("With libstdc++ plain nested get 200 levels deep cannot deadlock either") { check_nesting(by_plain_get{}); }

TEST_CASE("With libstdc++ plain nested wait 200 levels deep cannot deadlock either") { check_nesting(by_plain_wait{}); }

TEST_CASE("With libstdc++ plain nested get of shared futures 200 levels deep cannot deadlock either") {
    check_nesting(by_shared_get{});
}

TEST_CASE("With libstdc++ plain nested wait for shared futures 200 levels deep cannot deadlock either") {
    check_nesting(by_shared_wait{});
}

TEST_CASE("With libstdc++ a plain get inside a task works for every kind of result") {
    background::n = 1;
    auto results = background::run([] {
        int right = 0;
        background::run([] {}).get();
        int variable = 0;
        right += &background::run([&variable]() -> int& { return variable; }).get() == &variable;
        right += *background::run([] { return std::make_unique<int>(1); }).get() == 1;
        right += background::run([] { return std::string(1000, 'x'); }).get() == std::string(1000, 'x');
        struct alignas(64) aligned {
            int value = 2;
        };
        right += background::run([] { return aligned{}; }).get().value == 2;
        struct large {
            std::array<int, 10000> values;
        };
        right += background::run([] { return std::make_unique<large>(); }).get() != nullptr;
        right += background::run([] { return large{{1, 2, 3}}; }).get().values[2] == 3;
        try {
            background::run([] { throw 3; }).get();
        } catch (int number) {
            right += number == 3;
        }
        return right;
    });
    CHECK(results.get() == 7);
}

TEST_CASE("With libstdc++ hundreds of jobs may wait in plain get for one shared future") {
    background::n = 1;
    const int jobs = times(300);
    std::atomic<int> waiting{0};
    gauge running;
    closed_pool pool;
    std::shared_future<int> future;
    for (int job = 0; job < jobs; ++job) {
        background::run([&] {
            ++waiting;
            future.wait();
            running.enter();
            give_way(2);
            running.leave();
        });
    }
    future = background::run([] { return 1; }).share();
    pool.open();
    background::wait();
    CHECK(waiting == jobs);
    CHECK(running.most() == 1);
}

#endif
