// Proves what background::pending promises.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace support;

using pending_count = decltype(background::pending());

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
        explicit looks_at_its_end(std::atomic<pending_count>& to) : seen{&to} {}
        looks_at_its_end(looks_at_its_end&& other) noexcept : seen{std::exchange(other.seen, nullptr)} {}
        looks_at_its_end(const looks_at_its_end&) = delete;
        looks_at_its_end& operator=(const looks_at_its_end&) = delete;
        ~looks_at_its_end() {
            if (seen) *seen = background::pending();
        }
        std::atomic<pending_count>* seen;
    };
    std::atomic<pending_count> in_callback{0};
    std::atomic<pending_count> in_destructor{0};
    const callback_switch here;
    background::callback(here([&in_callback](std::exception_ptr) { in_callback = background::pending(); }));
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
    background::n = 200;
    meet(200); // so many workers take a while to count
    background::n = 2;
    std::atomic<bool> over{false};
    std::atomic<pending_count> most{0};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 2; ++reader) {
        readers.emplace_back([&] {
            while (!over) {
                const pending_count seen = background::pending();
                if (seen > most) most = seen;
                spin();
            }
        });
    }
    const int jobs = times(20000);
    for (int job = 0; job < jobs; ++job) {
        auto future = background::run([] { static_cast<void>(background::pending()); });
        if (job >= jobs / 2) future.get(); // where few are pending, one that is missed is one too few
    }
    background::wait();
    over = true;
    for (auto& reader : readers) reader.join();
    CHECK(most <= static_cast<pending_count>(jobs));
    CHECK(background::pending() == 0);
}
