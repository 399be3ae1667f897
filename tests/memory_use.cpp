// Proves that memory is given back.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "replaced_new.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <future>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

#if SUPPORT_REPLACED_NEW && (defined(__linux__) || defined(_WIN32))

namespace {

constexpr long small_rest = 2'000'000; // what may stay behind for reuse

} // namespace

TEST_CASE("The memory of a hundred thousand queued jobs is given back") {
    background::n = 1;
    background::run([] {}).get();
    background::wait();
    const long before = live_bytes;
    const int jobs = times(100'000);
    std::atomic<int> ran{0};
    for (const bool keep : {false, true}) {
        std::vector<std::future<int>> kept;
        latch running, gate;
        background::run([&] {
            running.count_down();
            gate.wait();
        });
        running.wait();
        for (int job = 0; job < jobs; ++job) {
            auto future = background::run([&ran, job, room = std::array<char, 64>{}] { return ++ran, job + room[0]; });
            if (keep) kept.push_back(std::move(future));
        }
        CHECK(live_bytes - before > 100L * jobs);
        gate.count_down();
        background::wait();
        for (int job = 0; keep && job < jobs; ++job) REQUIRE(kept[static_cast<std::size_t>(job)].get() == job);
        kept = std::vector<std::future<int>>{};
        background::wait();
        CHECK(live_bytes - before < small_rest);
    }
    CHECK(ran == 2 * jobs);
}

namespace {

void submit_once() {
    static thread_local bool is_inside = false;
    if (is_inside) return;
    is_inside = true;
    background::run([] {});
    is_inside = false;
}

} // namespace

TEST_CASE("Where operator new and delete submit jobs no memory is lost") { // LeakSanitizer says so, too
    background::n = 1;
    background::run([] {}).get();
    background::wait();
    const long before = live_bytes;
    for (int round = 0; round < 12; ++round) {
        at_every_call = submit_once;
        std::vector<std::future<void>> kept;
        kept.reserve(3000);
        for (int job = 0; job < 3000; ++job) kept.push_back(background::run([] {}));
        background::wait();
        kept = std::vector<std::future<void>>{}; // frees more chunks than are kept for use again
        for (int job = 0; job < 3000; ++job) {
            background::run([] {});
            if (job % 4 == 0) background::wait();
        }
        at_every_call = nullptr;
        background::wait();
    }
    CHECK(live_bytes - before < small_rest);
}

TEST_CASE("A kept future costs at most 2 KiB, whatever became of its neighbours") {
    background::n = 2;
    background::run([] {}).get();
    background::wait();
    const int jobs = times(40'000);
    std::vector<std::future<int>> kept;
    kept.reserve(static_cast<std::size_t>(jobs));
    const long before = live_bytes;
    for (int job = 0; job < jobs; ++job) {
        auto future = background::run([job] { return job; });
        if (job % 40 == 0) kept.push_back(std::move(future));
    }
    background::wait();
    const long shelved = 100'000; // free chunks, for use again
    CHECK(live_bytes - before <= 2048L * static_cast<long>(kept.size()) + shelved);
}

#ifdef __GLIBCXX__
// So what a promise allocates fits into its job's block, on every processor.
TEST_CASE("A thousand jobs visit operator new less than five hundred times") {
    background::n = 1;
    background::run([] {}).get();
    const long before = memory.asked_for;
    for (int job = 0; job < 1000; ++job) REQUIRE(background::run([job] { return job; }).get() == job);
    CHECK(memory.asked_for - before < 500);
}
#endif

TEST_CASE("The memory of jobs does not grow with how many have been run") {
    background::n = 2;
    background::run([] {}).get();
    background::wait();
    peak_bytes = live_bytes.load();
    const long before = live_bytes;
    const int rounds = times(2000);
    std::vector<std::future<int>> window(50);
    for (int round = 0; round < rounds; ++round) {
        for (auto& future : window) {
            if (future.valid()) future.get();
            future = background::run([room = std::array<char, 300>{}] { return static_cast<int>(room[0]); });
        }
    }
    window.clear();
    background::wait();
    CHECK(peak_bytes - before < small_rest);
    CHECK(live_bytes - before < small_rest);
}

TEST_CASE("The memory of threads that submitted and ended is given back") {
    background::run([] {}).get();
    background::wait();
    const long before = live_bytes;
    std::vector<std::future<int>> kept;
    for (int round = 0; round < times(2000); ++round) {
        std::thread{[&kept, round] {
            background::run([] {});
            auto future = background::run([round] { return round; });
            if (round % 500 == 0) kept.push_back(std::move(future));
        }}.join();
    }
    background::wait();
    CHECK(live_bytes - before < small_rest);
    for (auto& future : kept) CHECK(future.get() % 500 == 0);
}

#ifndef __MINGW32__ // whose thread-local objects may die behind the library's variables, which begin anew for them
TEST_CASE("The memory of jobs that thread-local objects submitted at their end is given back") {
    struct submits_at_its_end {
        submits_at_its_end() = default;
        submits_at_its_end(const submits_at_its_end&) = delete;
        submits_at_its_end& operator=(const submits_at_its_end&) = delete;
        ~submits_at_its_end() {
            background::run([] {});
        }
        void use() const {}
    };
    background::run([] {}).get();
    background::wait();
    const long before = live_bytes;
    for (int round = 0; round < times(2000); ++round) {
        std::thread{[] {
            thread_local const submits_at_its_end last; // older than what the library keeps for the thread
            last.use();
            background::run([] {});
        }}.join();
    }
    background::wait();
    const long shelved = 100'000; // free chunks, for use again
    CHECK(live_bytes - before < 2 * shelved);
}
#endif

TEST_CASE("The memory of callables that were large is given back at once") {
    background::n = 1;
    const long before = live_bytes;
    for (int round = 0; round < 100; ++round) {
        const auto future = background::run([room = std::array<char, 1 << 20>{}] { return room[0]; }).share();
        future.wait();
        background::wait();
        CHECK(live_bytes - before < small_rest + (1 << 20));
    }
    background::wait();
    CHECK(live_bytes - before < small_rest);
}

#endif
