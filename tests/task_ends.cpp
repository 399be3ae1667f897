// Proves that all a job held is gone when its future is ready, and that what goes may use the library.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace support;

TEST_CASE("Everything that the job held is gone when get returns") {
    tally held;
    const background::task work{[self = counted{held}](const counted&, int number) { return number; }};
    for (int round = 0; round < times(10000); ++round) {
        auto future = work(counted{held}, round);
        REQUIRE(future.get() == round);
        REQUIRE(held.live == 1); // the task's own callable
    }
}

TEST_CASE("Everything that the job held is gone when get throws") {
    tally held;
    for (int round = 0; round < times(10000); ++round) {
        auto future = background::run([self = counted{held}](const counted&) { throw 1; }, counted{held});
        REQUIRE_THROWS_AS(future.get(), int);
        REQUIRE(held.live == 0);
    }
}

TEST_CASE("Everything that the job held is gone when its future is ready however one looks at it") {
    tally held;
    for (int round = 0; round < times(3000); ++round) {
        auto future = background::run([self = counted{held}](const counted&) {}, counted{held});
        future.wait();
        REQUIRE(held.live == 0);
        auto shared = background::run([self = counted{held}] { return 1; }).share();
        auto other = shared;
        REQUIRE(other.get() == 1);
        REQUIRE(held.live == 0);
        auto polled = background::run([self = counted{held}] {});
        await([&] { return polled.wait_for(std::chrono::seconds{0}) == std::future_status::ready; });
        REQUIRE(held.live == 0);
        auto inner = background::run([&held] {
            background::get(background::run([self = counted{held}] {}));
            return static_cast<int>(held.live);
        });
        REQUIRE(inner.get() == 0);
    }
}

TEST_CASE("Of the object that the callable returned only the future's is left when the job is over") {
    struct result {
        counted self;
        std::string text = std::string(50, 'r');
    };
    tally results;
    for (int round = 0; round < times(10000); ++round) {
        auto future = background::run([&results] { return result{counted{results}}; }).share();
        future.wait();
        REQUIRE(results.live <= 2); // the future's, and for a moment what was left behind when it was moved there
        REQUIRE(future.get().text == std::string(50, 'r'));
        background::wait();
        REQUIRE(results.live == 1);
        future = {};
        REQUIRE(results.live == 0);
    }
}

TEST_CASE("A job whose future was dropped holds nothing any more once wait returns") {
    struct error {
        counted self;
    };
    tally held;
    for (int round = 0; round < times(3000); ++round) {
        background::run([self = counted{held}](counted&& argument) { return std::move(argument); }, counted{held});
        background::run([self = counted{held}](counted&& argument) { throw error{argument}; }, counted{held});
        background::wait();
        REQUIRE(held.live == 0);
    }
}

TEST_CASE("A job may hold the last reference to something that waits for other jobs") {
    struct waits_at_its_end {
        explicit waits_at_its_end(std::future<int> other) : inner{std::move(other)} {}
        waits_at_its_end(waits_at_its_end&&) = default;
        waits_at_its_end& operator=(waits_at_its_end&&) = default;
        ~waits_at_its_end() {
            if (inner.valid()) background::get(inner);
        }
        std::future<int> inner;
    };
    background::n = 1;
    closed_pool pool;
    std::promise<int> later;
    auto job = background::run([held = waits_at_its_end{later.get_future()}] {});
    auto other = background::run([&later] { later.set_value(1); });
    pool.open();
    job.get();
    other.get();
    background::wait();
}

TEST_CASE("The end of a callable or an argument or a result may submit jobs and wait for them") {
    static std::atomic<int> ran, waited, refused;
    struct submits_at_its_end {
        explicit submits_at_its_end(bool awaits) : waits{awaits} {}
        submits_at_its_end(submits_at_its_end&& other) noexcept
            : waits{other.waits}, armed{std::exchange(other.armed, false)} {}
        submits_at_its_end& operator=(submits_at_its_end&&) = delete;
        ~submits_at_its_end() {
            if (!armed) return;
            background::run([] { ++ran; });
            auto last = background::run([] { return ++ran, 1; });
            if (waits) waited += background::get(last);
            try {
                background::wait();
            } catch (const std::system_error&) { // this is a part of the job
                ++refused;
            }
        }
        bool waits;
        bool armed = true;
    };
    for (const int slots : {1, 3}) {
        background::n = slots;
        for (const bool waits : {false, true}) {
            ran = waited = refused = 0;
            std::vector<std::future<void>> kept;
            const int rounds =
                times(sizeof(void*) < 8 ? 50 : 500); // 32 bits have no room for more stacks of waiting jobs
            for (int round = 0; round < rounds; ++round) {
                auto whole = [self = submits_at_its_end{waits}](submits_at_its_end&&) {};
                auto future = background::run(std::move(whole), submits_at_its_end{waits});
                if (round % 2 == 0) kept.push_back(std::move(future));
                const auto dropped = std::make_shared<latch>();
                background::run([dropped, waits] {
                    dropped->wait();
                    return submits_at_its_end{waits};
                });
                dropped->count_down();
            }
            for (auto& future : kept) future.get();
            background::wait();
            CHECK(ran == 2 * 3 * rounds);
            CHECK(waited == (waits ? 3 * rounds : 0));
            CHECK(refused == 3 * rounds);
        }
    }
}
