// Proves what background::wait, get, pending and callback promise, and the same of plain get and wait on libstdc++.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace support;

namespace {

constexpr int depth = 200;

/// Whether `background::wait()` throws what it must inside a task.
bool wait_refuses() {
    try {
        background::wait();
    } catch (const std::system_error& error) {
        return error.code() == std::errc::resource_deadlock_would_occur;
    }
    return false;
}

template<typename Future> bool has_no_state(Future&& future) {
    try {
        background::get(std::forward<Future>(future));
    } catch (const std::future_error& error) {
        return error.code() == std::future_errc::no_state;
    }
    return false;
}

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
        for (int round = 0; round < 5; ++round) {
            gauge running;
            REQUIRE(background::run(nested<Get>, depth, std::ref(running), get).get() == depth);
            REQUIRE(running.most() <= slots);
            REQUIRE(background::run(tree<Get>, 7, std::ref(running), get).get() == 127);
            REQUIRE(running.most() <= slots);
        }
    }
    background::wait();
}

/// Fills all slots until it is opened.
class closed_pool {
public:
    explicit closed_pool(int slots = 1) : running_{slots} {
        background::n = slots;
        for (int job = 0; job < slots; ++job) {
            background::run([this] {
                running_.count_down();
                gate_.wait();
            });
        }
        running_.wait();
    }
    void open() {
        gate_.count_down();
        background::wait();
    }

private:
    latch running_;
    latch gate_{};
};

} // namespace

// --- wait ---

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
    background::callback([&called](std::exception_ptr) {
        give_way(2);
        ++called;
    });
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
    background::callback([&](std::exception_ptr) {
        if (--to_submit >= 0) background::run([&ran] { ++ran; });
    });
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
    background::callback([&](std::exception_ptr) {
        ++called;
        refused += wait_refuses();
    });
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

// --- get ---

TEST_CASE("get returns what the future's own get returns") {
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::future<std::string>>())), std::string>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::future<std::string>&>())), std::string>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::future<int&>>())), int&>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::future<void>>())), void>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::shared_future<int>&>())), const int&>);
    STATIC_REQUIRE(
        std::is_same_v<decltype(background::get(std::declval<const std::shared_future<int>&>())), const int&>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::shared_future<int&>>())), int&>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::get(std::declval<std::shared_future<void>>())), void>);
}

TEST_CASE("get takes every kind of future outside and inside a task") {
    const auto check = [] {
        int right = 0;
        auto lvalue = background::run([] { return 1; });
        right += background::get(lvalue) == 1 && !lvalue.valid();
        right += background::get(background::run([] { return std::make_unique<int>(2); })) != nullptr;
        bool ran = false;
        background::get(background::run([&ran] { ran = true; }));
        right += ran;
        int variable = 0;
        right += &background::get(background::run([&variable]() -> int& { return variable; })) == &variable;

        std::shared_future<int> shared = background::run([] { return 3; }).share();
        const std::shared_future<int> constant = shared;
        right += background::get(shared) == 3 && shared.valid();
        right += background::get(constant) == 3 && &background::get(constant) == &shared.get();
        right += background::get(std::shared_future<int>{shared}) == 3;
        right += background::get(std::move(constant)) == 3;
        right += background::get(std::move(shared)) == 3;
        const std::shared_future<void> nothing = background::run([] {}).share();
        background::get(nothing);
        right += nothing.valid();
        const std::shared_future<int&> reference = background::run([&variable]() -> int& { return variable; }).share();
        right += &background::get(reference) == &variable;
        return right;
    };
    CHECK(check() == 11);
    for (const int slots : {1, 2}) {
        background::n = slots;
        CHECK(background::run(check).get() == 11);
    }
}

TEST_CASE("get throws what the future's own get throws") {
    const auto check = [] {
        int right = 0;
        try {
            background::get(background::run([]() -> int { throw std::out_of_range{"far"}; }));
        } catch (const std::out_of_range& error) {
            right += error.what() == std::string{"far"};
        }
        const auto shared = background::run([] { throw 5; }).share();
        for (int time = 0; time < 2; ++time) {
            try {
                background::get(shared);
            } catch (int number) {
                right += number == 5;
            }
        }
        std::promise<int> broken;
        auto future = broken.get_future();
        { const std::promise<int> ends = std::move(broken); }
        try {
            background::get(future);
        } catch (const std::future_error& error) {
            right += error.code() == std::future_errc::broken_promise;
        }
        return right;
    };
    CHECK(check() == 4);
    background::n = 1;
    CHECK(background::run(check).get() == 4);
}

TEST_CASE("get of a future without state throws no_state") {
    const auto check = [] {
        int right = has_no_state(std::future<int>{}) + has_no_state(std::shared_future<int>{}) +
                    has_no_state(std::future<void>{}) + has_no_state(std::shared_future<int&>{});
        std::future<int> used = background::run([] { return 1; });
        background::get(used);
        right += has_no_state(used);
        std::future<int> moved = background::run([] { return 1; });
        const std::future<int> owner = std::move(moved);
        right += has_no_state(moved);
        const std::shared_future<int> constant;
        right += has_no_state(constant);
        return right;
    };
    CHECK(check() == 7);
    background::n = 1;
    CHECK(background::run(check).get() == 7);
    background::wait();
    gauge room;
    for (int job = 0; job < times(200); ++job) {
        background::run([&room] {
            room.enter();
            static_cast<void>(has_no_state(std::future<int>{})); // must not cost or win a slot
            give_way(3);
            room.leave();
        });
    }
    background::wait();
    CHECK(room.most() == 1);
}

TEST_CASE("get runs a deferred function outside and inside a task") {
    background::n = 1;
    const auto check = [] {
        const auto here = std::this_thread::get_id();
        auto deferred = std::async(std::launch::deferred, [here] { return std::this_thread::get_id() == here; });
        auto waits = std::async(std::launch::deferred, [] {
            return background::get(background::run([] { return background::get(background::run([] { return 6; })); }));
        });
        const auto shared = std::async(std::launch::deferred, [] { return 7; }).share();
        auto fails = std::async(std::launch::deferred, [] { throw 8; });
        int right = background::get(deferred) + (background::get(waits) == 6) + (background::get(shared) == 7);
        try {
            background::get(fails);
        } catch (int number) {
            right += number == 8;
        }
        return right;
    };
    CHECK(check() == 4);
    CHECK(background::run(check).get() == 4);
}

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
    CHECK(background::pending() == static_cast<std::size_t>(jobs));
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
    for (int round = 0; round < times(100); ++round) {
        background::n = 1;
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
        background::wait();
        REQUIRE(order == "bwqqqqq");
    }
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
    CHECK(waiting == jobs);
    CHECK(running.most() == 1);
}

#endif

TEST_CASE("wait_for and wait_until never report deferred and report ready once the job is over") {
    const auto never_ready = [](auto& future) {
        return future.wait_for(std::chrono::seconds{0}) == std::future_status::timeout &&
               future.wait_for(std::chrono::nanoseconds{-1}) == std::future_status::timeout &&
               future.wait_for(std::chrono::milliseconds{1}) == std::future_status::timeout &&
               future.wait_until(std::chrono::steady_clock::now()) == std::future_status::timeout &&
               future.wait_until(std::chrono::system_clock::now() + std::chrono::milliseconds{1}) ==
                   std::future_status::timeout;
    };
    const auto ready = [](auto& future) {
        return future.wait_for(std::chrono::seconds{0}) == std::future_status::ready &&
               future.wait_for(std::chrono::hours{1}) == std::future_status::ready &&
               future.wait_until(std::chrono::steady_clock::now()) == std::future_status::ready &&
               future.wait_until(std::chrono::system_clock::now() + std::chrono::hours{1}) == std::future_status::ready;
    };
    background::n = 2;
    latch running, gate;
    auto held = background::run([&] {
        running.count_down();
        gate.wait();
        return 1;
    });
    running.wait();
    CHECK(never_ready(held));
    auto shared = held.share();
    CHECK(never_ready(shared));
    CHECK(background::run([&] { return never_ready(shared); }).get());
    gate.count_down();
    while (shared.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready) {
        REQUIRE(shared.wait_for(std::chrono::seconds{0}) != std::future_status::deferred);
    }
    CHECK(ready(shared));
    CHECK(background::run([&] { return ready(shared); }).get());
    background::n = 1;
    auto inside = background::run([] {
        auto queued = background::run([] {});
        return queued.wait_for(std::chrono::milliseconds{1}) != std::future_status::deferred &&
               queued.wait_until(std::chrono::steady_clock::now()) != std::future_status::deferred;
    });
    CHECK(inside.get());
    auto soon = background::run([] {});
    CHECK(soon.wait_for(std::chrono::hours{1}) == std::future_status::ready);
    CHECK(ready(soon));
    soon.get();
    CHECK(shared.get() == 1);
}

// --- pending ---

TEST_CASE("pending counts queued and running jobs and reaches zero") {
    STATIC_REQUIRE(std::is_unsigned_v<decltype(background::pending())>);
    CHECK(background::pending() == 0);
    background::n = 2;
    latch running{2};
    std::array<latch, 4> gates;
    std::vector<std::future<void>> jobs;
    for (std::size_t job = 0; job < 4; ++job) {
        jobs.push_back(background::run([&running, &gate = gates[job]] {
            running.count_down();
            gate.wait();
        }));
        CHECK(background::pending() == job + 1);
    }
    running.wait();
    CHECK(background::pending() == 4);
    for (std::size_t job = 0; job < 4; ++job) {
        gates[job].count_down();
        jobs[job].get();
        await([&] { return background::pending() <= 3 - job; });
        CHECK(background::pending() == 3 - job);
    }
    for (int round = 0; round < times(1000); ++round) {
        auto future = background::run([] { return background::pending(); });
        CHECK(future.get() == 1);
        await([] { return background::pending() == 0; });
    }
}

TEST_CASE("pending counts a job until its future is ready and while it waits in get") {
    background::n = 1;
    struct looks_at_its_end {
        explicit looks_at_its_end(std::atomic<std::size_t>& to) : seen{&to} {}
        looks_at_its_end(looks_at_its_end&& other) noexcept : seen{std::exchange(other.seen, nullptr)} {}
        looks_at_its_end(const looks_at_its_end&) = delete;
        looks_at_its_end& operator=(const looks_at_its_end&) = delete;
        ~looks_at_its_end() {
            if (seen) *seen = background::pending();
        }
        std::atomic<std::size_t>* seen;
    };
    std::atomic<std::size_t> in_callback{0};
    std::atomic<std::size_t> in_destructor{0};
    background::callback([&in_callback](std::exception_ptr) { in_callback = background::pending(); });
    background::run([held = looks_at_its_end{in_destructor}] {}).get();
    CHECK(in_callback == 1);
    CHECK(in_destructor == 1);
    await([] { return background::pending() == 0; });

    std::promise<int> promise;
    latch started;
    auto waits = background::run([&] {
        auto future = promise.get_future();
        started.count_down();
        return background::get(future);
    });
    started.wait();
    background::run([] {}).get(); // runs in the slot that was given away
    await([] { return background::pending() <= 1; });
    CHECK(background::pending() == 1);
    promise.set_value(1);
    CHECK(waits.get() == 1);
    await([] { return background::pending() == 0; });
}

TEST_CASE("pending may be read by any thread at any time and never exceeds what was submitted") {
    std::atomic<bool> over{false};
    std::atomic<std::size_t> most{0};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 2; ++reader) {
        readers.emplace_back([&] {
            while (!over) {
                const std::size_t seen = background::pending();
                if (seen > most) most = seen;
                std::this_thread::yield();
            }
        });
    }
    const int jobs = times(20000);
    for (int job = 0; job < jobs; ++job) background::run([] { static_cast<void>(background::pending()); });
    background::wait();
    over = true;
    for (auto& reader : readers) reader.join();
    CHECK(most <= static_cast<std::size_t>(jobs));
    CHECK(background::pending() == 0);
}

// --- callback ---

TEST_CASE("Callbacks are called after every job in the order of registration") {
    background::n = 1;
    std::string calls;
    background::callback([&calls](std::exception_ptr) { calls += 'a'; });
    background::run([&calls] { calls += '1'; }).get();
    background::callback([&calls](std::exception_ptr) { calls += 'b'; });
    background::callback([&calls](std::exception_ptr) { calls += 'c'; });
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
    background::callback([&seen](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
            seen.push_back("null");
        } catch (const std::exception& exception) {
            seen.push_back(exception.what());
        } catch (int number) {
            seen.push_back(std::to_string(number));
        }
    });
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
    background::callback([&](std::exception_ptr) {
        give_way(1);
        calling_thread = std::this_thread::get_id();
        ++called;
    });
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
    background::callback([&called](std::exception_ptr) { ++called; });
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
    background::callback([](std::exception_ptr) { throw std::runtime_error{"first"}; });
    background::callback([&called](std::exception_ptr) { ++called; });
    background::callback([](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
        throw 2;
    });
    background::callback([&called](std::exception_ptr) { ++called; });
    CHECK(background::run([] { return 1; }).get() == 1);
    CHECK_THROWS_AS(background::run([] { throw std::string{"job"}; }).get(), std::string);
    background::run([] { throw 1.0; });
    background::wait();
    CHECK(called == 6);
    CHECK(background::run([] { return background::get(background::run([] { return 2; })); }).get() == 2);
}

TEST_CASE("A callback may be any callable and is copied or moved once") {
    static std::atomic<int> calls{0};
    struct functor {
        int own = 0;
        void operator()(const std::exception_ptr&) { calls += ++own; }
    };
    functor outside;
    background::n = 1;
    background::callback(outside);
    background::callback(functor{10});
    background::callback(std::ref(outside));
    background::callback(+[](std::exception_ptr) { ++calls; });
    background::callback(std::function<int(std::exception_ptr)>{[](std::exception_ptr) { return ++calls; }});
    background::callback([owned = std::make_unique<int>(100)](std::exception_ptr) { calls += *owned; });
    tally copies;
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
}

TEST_CASE("A callback may submit jobs and register others") {
    background::n = 1;
    std::atomic<int> first{0};
    std::atomic<int> second{0};
    std::atomic<int> ran{0};
    background::callback([&](std::exception_ptr) {
        if (++first > 5) return;
        background::callback([&second](std::exception_ptr) { ++second; });
        background::run([&ran] { ++ran; });
    });
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
    background::callback([&](std::exception_ptr) {
        if (--to_submit < 0) return;
        right += background::get(background::run([] { return background::get(background::run([] { return 1; })); }));
    });
    background::run([] {});
    background::wait();
    CHECK(right == 50);
}

TEST_CASE("A task may register a callback that is called after it or later jobs") {
    std::atomic<int> called{0};
    background::run([&called] { background::callback([&called](std::exception_ptr) { ++called; }); }).get();
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
    latch start{5};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            start.arrive_and_wait();
            for (int callback = 0; callback < each; ++callback) {
                const auto index = static_cast<std::size_t>(thread * each + callback);
                background::callback([&, index, callback](std::exception_ptr) {
                    ++*called[index];
                    if (callback > 0 && *called[index - 1] == 0) ++out_of_order;
                });
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
    background::callback([&](std::exception_ptr) {
        const std::lock_guard<std::mutex> lock{mutex};
        ++logged;
    });
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
    background::callback([&](std::exception_ptr error) { ++(error ? failed : fine); });
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
