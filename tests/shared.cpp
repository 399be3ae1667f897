// Several translation units share one pool.
// SPDX-License-Identifier: MIT
#include "catch.hpp"

#include "shared/shared.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

TEST_CASE("two units share n") {
    const int before = a::n();
    CHECK(a::where_n_is() == b::where_n_is());
    a::assign_n(5);
    CHECK(b::n() == 5);
    b::assign_n(3);
    CHECK(a::n() == 3);
    a::assign_n(before);
}

TEST_CASE("two units share the queue: each counts and awaits the other's jobs") {
    std::promise<void> door;
    const std::shared_future<void> opened = door.get_future().share();
    std::atomic<int> finished{0};
    for (int i = 0; i < 10; ++i) {
        a::run([&finished, opened] { return opened.wait(), ++finished; });
        b::run([&finished, opened] { return opened.wait(), ++finished; });
    }
    CHECK(a::pending() == 20);
    CHECK(b::pending() == 20);
    std::thread other([] { a::wait(); });
    door.set_value();
    b::wait();
    CHECK(finished == 20);
    other.join();
    CHECK(a::pending() == 0);
}

TEST_CASE("two units share the slots and start jobs in one order") {
    const int before = a::n();
    a::assign_n(1);
    std::atomic<int> at_once{0};
    int next = 0;
    int disorder = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto job = [&, i] {
            disorder += ++at_once != 1 || next++ != i;
            return --at_once;
        };
        i % 2 == 0 ? a::run(job) : b::run(job);
    }
    a::wait();
    CHECK(next == 1000);
    CHECK(disorder == 0);
    a::assign_n(before);
}

TEST_CASE("two units share the workers") {
    const int before = a::n();
    b::assign_n(1);
    std::set<std::thread::id> of_a, of_b; // n was larger: for a while one may retire and another one go on
    for (int i = 0; i < 100; ++i) {
        auto& workers = i % 2 == 0 ? of_a : of_b;
        const auto job = [&workers] { return static_cast<int>(workers.insert(std::this_thread::get_id()).second); };
        (i % 2 == 0 ? a::run(job) : b::run(job)).get();
    }
    CHECK(std::count_if(of_a.begin(), of_a.end(), [&](auto& id) { return of_b.count(id) == 1; }) > 0);
    b::assign_n(before);
}

TEST_CASE("a job of one unit gives its slot away while it gets the future of the other") {
    const int before = a::n();
    a::assign_n(1);
    CHECK(a::run([] { return b::get(a::run([] { return a::get(b::run([] { return 42; })); })); }).get() == 42);
    a::assign_n(before);
}

TEST_CASE("two units share the callbacks") {
    static std::mutex mutex;
    static std::string called;
    const auto append = [](char name) {
        return [name](std::exception_ptr) {
            const std::lock_guard<std::mutex> lock(mutex);
            called += name;
        };
    };
    a::callback(append('a'));
    b::callback(append('b'));
    a::run([] { return 0; }).get();
    b::run([] { return 0; }).get();
    CHECK(called == "abab");
}
