// Proves that any thread may submit, also many at once and one that ends, and what it and the job see of each other.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

TEST_CASE("A job may be submitted by a thread that ends at once and its future be read by another") {
    std::atomic<int> ran{0};
    const int rounds = times(2000);
    std::vector<std::future<int>> kept;
    for (int round = 0; round < rounds; ++round) {
        std::future<int> future;
        std::thread{[&] {
            future = background::run([&ran] { return ++ran; });
            background::run([&ran] { ++ran; });
        }}.join();
        if (round % 2 == 0)
            CHECK(future.get() > 0);
        else
            kept.push_back(std::move(future));
    }
    background::wait();
    CHECK(ran == 2 * rounds);
    for (auto& future : kept) CHECK(future.get() > 0);
}

TEST_CASE("Jobs may be submitted by the destructors of thread-local objects") {
    static std::atomic<int> ran{0};
    struct submits_at_its_end {
        submits_at_its_end() = default;
        submits_at_its_end(const submits_at_its_end&) = delete;
        submits_at_its_end& operator=(const submits_at_its_end&) = delete;
        ~submits_at_its_end() {
            for (int job = 0; job < 20; ++job) background::run([] { ++ran; });
            ran += background::run([] { return 1; }).get();
        }
    };
#ifdef _WIN32 // where no thread can start while another one ends: what the destructor waits for needs none
    background::n = 1;
    background::run([] {}).get();
#endif
    const int rounds = times(300);
    for (int round = 0; round < rounds; ++round) {
        std::thread{[round] {
            if (round % 2 == 0)
                background::run([] { ++ran; }); // before the thread-local object: it outlives the library's
            thread_local const submits_at_its_end here;
            static_cast<void>(&here);
            if (round % 2 == 1) background::run([] { ++ran; });
        }}.join();
    }
    background::wait();
    CHECK(ran == 22 * rounds);
}

TEST_CASE("Many threads may submit at once and every job runs once") {
    const int jobs = times(20000);
    std::vector<std::unique_ptr<std::atomic<int>>> runs;
    for (int job = 0; job < 4 * jobs; ++job) runs.push_back(std::make_unique<std::atomic<int>>(0));
    latch start{4};
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
        submitters.emplace_back([&, submitter] {
            start.arrive_and_wait();
            for (int job = submitter * jobs; job < (submitter + 1) * jobs; ++job) {
                background::run([&count = *runs[static_cast<std::size_t>(job)]] { ++count; });
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    for (const auto& count : runs) REQUIRE(*count == 1);
}

TEST_CASE("What the submitter did before the call is seen by the job and what the job did by whoever got its result") {
    std::vector<int> plain(100);
    for (int round = 0; round < times(5000); ++round) {
        plain[static_cast<std::size_t>(round % 100)] = round;
        auto future = background::run([&plain, round] {
            const bool seen = plain[static_cast<std::size_t>(round % 100)] == round;
            plain[static_cast<std::size_t>((round + 50) % 100)] = -round;
            return seen;
        });
        REQUIRE(future.get());
        REQUIRE(plain[static_cast<std::size_t>((round + 50) % 100)] == -round);
    }
}
