// Proves which futures background::get takes and what it returns and throws, and what wait_for and wait_until tell.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

using namespace support;

namespace {

template<typename Future> bool has_no_state(Future&& future) {
    try {
        background::get(std::forward<Future>(future));
    } catch (const std::future_error& error) {
        return error.code() == std::future_errc::no_state;
    }
    return false;
}

} // namespace

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
