// Proves when and where background::task and background::run copy and move callables and arguments.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Remembers on which thread its copies were made.
struct copied_where {
    copied_where() : thread{} {}
    copied_where(const copied_where&) : thread{std::this_thread::get_id()} {}
    copied_where(copied_where&& other) noexcept : thread{other.thread} {}
    copied_where& operator=(const copied_where&) = delete;
    copied_where& operator=(copied_where&&) = delete;
    ~copied_where() = default;
    std::thread::id thread;
};

} // namespace

TEST_CASE("Callable and arguments are copied on the calling thread before the call returns") {
    closed_pool pool;
    const std::thread::id caller = std::this_thread::get_id();
    copied_where original;
    const auto where = [original](const copied_where& argument) { return std::pair{original.thread, argument.thread}; };
    background::task work{where};
    std::thread::id other_caller;
    std::future<std::pair<std::thread::id, std::thread::id>> elsewhere;
    std::thread{[&] {
        other_caller = std::this_thread::get_id();
        elsewhere = work(original);
    }}.join();
    auto from_task = work(original);
    auto from_run = background::run(where, original);

    int number = 1;
    std::string text = "before";
    auto values =
        background::run([](int argument, std::string word) { return word + std::to_string(argument); }, number, text);
    auto captured = [number] { return number; };
    auto state = background::run(captured);
    number = 2;
    text = "after";
    pool.open();
    CHECK(from_task.get() == std::pair{caller, caller});
    CHECK(from_run.get() == std::pair{caller, caller});
    CHECK(elsewhere.get() == std::pair{other_caller, other_caller});
    CHECK(values.get() == "before1");
    CHECK(state.get() == 1);
}

TEST_CASE("The callable runs on another thread than the caller's") {
    CHECK(background::run([] { return std::this_thread::get_id(); }).get() != std::this_thread::get_id());
    CHECK(background::task{[] { return std::this_thread::get_id(); }}().get() != std::this_thread::get_id());
}

TEST_CASE("Calling an lvalue task copies its callable exactly once") {
    tally callables;
    background::task work{[self = counted{callables}] {}};
    const auto& constant = work;
    CHECK(callables.copies == 0);
    work().get();
    CHECK(callables.copies == 1);
    constant().get();
    CHECK(callables.copies == 2);
    std::move(constant)().get();
    CHECK(callables.copies == 3);
}

TEST_CASE("Calling an rvalue task moves its callable") {
    tally callables;
    background::task work{[self = counted{callables}] {}};
    std::move(work)().get();
    background::task{[self = counted{callables}] {}}().get();
    CHECK(callables.copies == 0);
}

TEST_CASE("run copies an lvalue callable once and moves an rvalue") {
    tally callables;
    const auto work = [self = counted{callables}] {};
    background::run(work).get();
    CHECK(callables.copies == 1);
    auto movable = work;
    CHECK(callables.copies == 2);
    background::run(std::move(movable)).get();
    background::run([self = counted{callables}] {}).get();
    CHECK(callables.copies == 2);
}

TEST_CASE("An lvalue argument is copied once and an rvalue argument is moved") {
    tally arguments;
    counted argument{arguments};
    const auto look = [](const counted&) {};
    const background::task work{look};
    work(argument).get();
    CHECK(arguments.copies == 1);
    background::run(look, argument).get();
    CHECK(arguments.copies == 2);
    background::run([](counted) {}, argument).get();
    CHECK(arguments.copies == 3);
    work(counted{arguments}).get();
    background::run([](counted) {}, counted{arguments}).get();
    background::run([](counted&&) {}, std::move(argument)).get();
    CHECK(arguments.copies == 3);
}

TEST_CASE("Tasks are copyable and movable as their callable is") {
    struct movable {
        std::unique_ptr<int> owned{};
        int operator()() const { return *owned; }
    };
    STATIC_REQUIRE(std::is_copy_constructible_v<background::task<adder>>);
    STATIC_REQUIRE(std::is_copy_assignable_v<background::task<adder>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<background::task<adder>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<background::task<adder>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<background::task<movable>>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<background::task<movable>>);
    STATIC_REQUIRE(std::is_move_constructible_v<background::task<movable>>);
    STATIC_REQUIRE(std::is_move_assignable_v<background::task<movable>>);

    background::task first{adder{1}};
    background::task<adder> second = first;
    background::task third{adder{3}};
    CHECK(second(1).get() == 2);
    second = third;
    CHECK(second(1).get() == 4);
    CHECK(first(1).get() == 2);
    background::task fourth = std::move(third);
    CHECK(fourth(1).get() == 4);
    background::task owner{movable{std::make_unique<int>(5)}};
    background::task next_owner = std::move(owner);
    CHECK(std::move(next_owner)().get() == 5);
    std::vector<background::task<adder>> tasks(3, first);
    CHECK(tasks.back()(4).get() == 5);
}

TEST_CASE("A const task may be called by many threads at once") {
    struct stateful {
        std::string text = std::string(100, 'x');
        std::size_t operator()(std::size_t more) {
            text.append(more, 'y');
            return text.size();
        }
    };
    const background::task work{stateful{}};
    const int calls = times(2000);
    latch start{4};
    std::atomic<int> right{0};
    std::vector<std::thread> callers;
    for (std::size_t caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&, caller] {
            start.arrive_and_wait();
            std::vector<std::future<std::size_t>> results;
            for (int call = 0; call < calls; ++call) results.push_back(work(caller));
            for (auto& result : results) right += result.get() == 100 + caller;
        });
    }
    for (auto& caller : callers) caller.join();
    CHECK(right == 4 * calls);
}
