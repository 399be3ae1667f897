// Proves what holds when memory cannot be had.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "replaced_new.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

#if SUPPORT_REPLACED_NEW

namespace {

const bool ends_refusals = between_cases([] {
    memory.fails_in = 0;
    refused_in_all = 0;
    ++refusals_ended;
});

/// Lets the first, second, third... allocation of `submit(ran, held)` fail until it needs no more. Each time either
/// the call throws and nothing is left of it, or its job runs. Returns how often it threw.
template<typename Submit> int fail_each_allocation(Submit submit) {
    int thrown = 0;
    for (long failing = 1;; ++failing) {
        std::atomic<int> ran{0};
        tally held;
        bool submitted = true;
        {
            std::future<int> future;
            memory.has_failed = false;
            memory.fails_in = failing;
            try {
                future = submit(ran, held);
            } catch (const std::bad_alloc&) {
                submitted = false;
            } catch (const std::system_error&) {
                submitted = false;
            }
            memory.fails_in = 0;
            REQUIRE(future.valid() == submitted);
            if (submitted) REQUIRE(future.get() == 7);
        }
        if (!submitted) REQUIRE(background::pending() == 0);
        background::wait();
        REQUIRE(ran == (submitted ? 1 : 0));
        REQUIRE(held.live == 0);
        if (!memory.has_failed) return thrown;
        thrown += !submitted;
    }
}

std::future<int> submit_small(std::atomic<int>& ran, tally& held) {
    return background::run([&ran, self = counted{held}](const counted&) { return ++ran, 7; }, counted{held});
}

template<std::size_t Size, std::size_t Alignment> std::future<int> submit_large(std::atomic<int>& ran, tally& held) {
    struct alignas(Alignment) block {
        std::array<char, Size> bytes{};
    };
    return background::run(
        [&ran, self = counted{held}, large = block{}](const counted&) {
            static_cast<void>(large); // it only takes room
            return ++ran, 7;
        },
        counted{held});
}

} // namespace

TEST_CASE("An allocation that fails leaves the first call or its job runs") {
    if (ran_in_a_process_of_its_own()) return;
    CHECK(fail_each_allocation(submit_small) > 0);
}

TEST_CASE("An allocation that fails leaves a later call or its job runs") {
    background::n = 3;
    for (int round = 0; round < 100; ++round) {
        fail_each_allocation(submit_small);
        // so that each round starts elsewhere in a chunk
        background::run([room = std::array<char, 500>{}] { static_cast<void>(room); });
        background::wait();
    }
    fail_each_allocation(submit_large<3000, 8>);
    CHECK(fail_each_allocation(submit_large<100'000, 8>) > 0);
    fail_each_allocation(submit_large<100, 64>);
    CHECK(fail_each_allocation(submit_large<100, 4096>) > 0);
    CHECK(background::run([] { return 1; }).get() == 1);
}

TEST_CASE("An allocation that fails on a thread which never submitted before leaves the call or its job runs") {
    background::run([] {}).get();
    for (int round = 0; round < 10; ++round) {
        long failing = 1;
        for (bool failed = true; failed; ++failing) {
            std::atomic<int> ran{0};
            tally held;
            bool submitted = false;
            std::thread{[&] {
                memory.fails_in = failing;
                try {
                    submit_small(ran, held);
                    submitted = true;
                } catch (const std::bad_alloc&) {}
                memory.fails_in = 0;
                failed = memory.has_failed;
            }}.join();
            background::wait();
            REQUIRE(ran == (submitted ? 1 : 0));
            REQUIRE(held.live == 0);
        }
    }
}

TEST_CASE("An allocation that fails inside a task leaves the call or its job runs") {
    background::n = 1;
    for (long failing = 1; failing < 20; ++failing) {
        std::atomic<int> ran{0};
        tally held;
        auto outer = background::run([&] {
            memory.fails_in = failing;
            int submitted = 0;
            for (int job = 0; job < 50; ++job) {
                try {
                    submit_small(ran, held);
                    ++submitted;
                    submit_large<10000, 8>(ran, held);
                    ++submitted;
                } catch (const std::bad_alloc&) {}
            }
            memory.fails_in = 0;
            return submitted;
        });
        const int submitted = outer.get();
        background::wait();
        REQUIRE(submitted >= 98);
        REQUIRE(ran == submitted);
        REQUIRE(held.live == 0);
    }
}

TEST_CASE("An allocation that fails while a result gets its room leaves the call or its job runs") {
    struct alignas(4096) result {
        std::array<char, 100'000> bytes{};
    };
    for (long failing = 1;; ++failing) {
        std::atomic<int> ran{0};
        bool submitted = false;
        memory.has_failed = false;
        memory.fails_in = failing;
        try {
            background::run([&ran] {
                ++ran;
                return result{};
            });
            submitted = true;
        } catch (const std::bad_alloc&) {}
        memory.fails_in = 0;
        background::wait();
        REQUIRE(ran == (submitted ? 1 : 0));
        if (!memory.has_failed) break;
    }
}

TEST_CASE("An allocation that fails leaves callback and nothing was registered") {
    std::atomic<int> called{0};
    const callback_switch here;
    int registered = 0;
    for (long failing = 1;; ++failing) {
        memory.has_failed = false;
        memory.fails_in = failing;
        try {
            static tally forever;
            background::callback(here([&called, self = counted{forever}](std::exception_ptr) { ++called; }));
            ++registered;
        } catch (const std::bad_alloc&) {}
        memory.fails_in = 0;
        const bool failed = memory.has_failed;
        called = 0;
        background::run([] {}).get();
        REQUIRE(called == registered);
        if (!failed) break;
    }
    CHECK(registered > 0);
}

TEST_CASE("Assigning n and wait and pending need no memory") {
    background::n = 1;
    std::atomic<int> ran{0};
    blockers holding{1};
    for (int job = 0; job < 10; ++job) background::run([&ran] { ++ran; });
    memory.refuse(true);
    bool thrown = false;
    std::uint64_t pending = 0;
    try {
        for (const int slots : {4, 1, 3}) background::n = slots;
        pending = background::pending();
        holding.release_all();
        background::wait();
        background::wait();
    } catch (...) {
        thrown = true;
    }
    memory.refuse(false);
    CHECK_FALSE(thrown);
    CHECK(pending >= 1);
    CHECK(ran == 10);
    CHECK(background::n == 3);
    meet(3);
}

TEST_CASE("Running and finishing a job allocates nothing") {
    if (ran_in_a_process_of_its_own()) return;
    background::n = 1;
    std::atomic<int> told{0};
    const callback_switch here;
    background::callback(here([&told](std::exception_ptr error) { told += error ? 10 : 1; }));
    const int rounds = times(1000);
    struct numbers {
        std::array<long, 60> values;
    };
    struct failure {
        int code;
    };
    long before = 0;
    long after = 0;
    std::string text(1000, 't');
    int variable = 0;
    background::run([&before] {
        memory.refuse(true);
        before = memory.asked_for;
    }).get();
    for (int round = 0; round < rounds; ++round) {
        background::run([] {});
        auto nothing = background::run([] {});
        auto number = background::run([](int value) { return value; }, round);
        auto moved = background::run([](std::string&& whole) { return std::move(whole); }, text);
        auto array = background::run([](numbers all) { return all; }, numbers{{1, 2, 3}});
        auto reference = background::run([&variable]() -> int& { return variable; }).share();
        auto thrown = background::run([]() -> int { throw failure{4}; });
        background::run([]() -> std::string { throw failure{5}; });
        nothing.get();
        REQUIRE(number.get() == round);
        REQUIRE(moved.get() == text);
        REQUIRE(array.get().values[2] == 3);
        REQUIRE(&reference.get() == &variable);
        REQUIRE_THROWS_AS(thrown.get(), failure);
        if (round % 2 == 0) background::wait();
    }
    background::run([&after] {
        after = memory.asked_for;
        memory.refuse(false);
    }).get();
    CHECK(after == before);
    CHECK(told == 2 + rounds * (6 + 20));
}

TEST_CASE("Workers that cannot have memory run and finish jobs and retire and start others") {
    background::n = 4;
    const int jobs = times(2000);
    std::atomic<int> ran{0};
    std::vector<std::future<int>> results;
    for (int job = 0; job < jobs; ++job) {
        results.push_back(background::run([&ran, job] {
            memory.refuse(true);
            ++ran;
            if (job % 100 == 0) background::n = 1 + job / 100 % 5;
            if (job % 5 == 0) throw job;
            return job;
        }));
    }
    int right = 0;
    for (int job = 0; job < jobs; ++job) {
        try {
            right += results[static_cast<std::size_t>(job)].get() == job;
        } catch (int number) {
            right += number == job;
        }
    }
    background::wait();
    CHECK(right == jobs);
    CHECK(ran == jobs);
}

TEST_CASE("get inside a task never hangs when no memory can be had") {
    for (const int slots : {1, 2}) {
        background::n = slots;
        for (int round = 0; round < times(100); ++round) {
            std::atomic<bool> inner_ran{false};
            auto outer = background::run([&inner_ran] {
                auto inner = background::run([&inner_ran] {
                    memory.refuse(false);
                    inner_ran = true;
                    return 1;
                });
                memory.refuse(true);
                int result = 2;
                try {
                    result = background::get(inner);
                } catch (const std::bad_alloc&) {
                } catch (const std::system_error&) {}
                memory.refuse(false);
                return result;
            });
            const int result = outer.get();
            REQUIRE((result == 1 || result == 2));
            background::wait();
            REQUIRE(inner_ran);
        }
    }
}

TEST_CASE("Allocations that fail at random on every thread leave the call or its job runs exactly once") {
    constexpr int submitters = 3, jobs = times(5'000);
    struct outcome {
        std::atomic<int> ran{0}, inner_submitted{0}, inner_ran{0};
        bool submitted = false, awaited = false, right = false;
    };
    static std::atomic<int> told;
    static tally held;
    background::callback([](std::exception_ptr) { ++told; });
    next_random = seed();
    int refused = 0;
    for (const unsigned in_all : {2U, 5U, 50U}) {
        told = 0;
        std::vector<outcome> outcomes(submitters * jobs);
        latch start;
        std::vector<std::thread> threads;
        for (int submitter = 0; submitter < submitters; ++submitter) {
            threads.emplace_back([&outcomes, &start, submitter] {
                start.wait();
                for (int job = 0; job < jobs; ++job) {
                    outcome& mine = outcomes[static_cast<std::size_t>(submitter * jobs + job)];
                    const auto call = [&mine, job, self = counted{held}](const counted&) {
                        ++mine.ran;
                        try {
                            auto inner = background::run([&mine, self = counted{held}] { ++mine.inner_ran; });
                            ++mine.inner_submitted;
                            if (job % 3 == 0) background::get(inner);
                        } catch (const std::bad_alloc&) {
                        } catch (const std::system_error&) {} // the one worker can have no other to wait with
                        return std::string(job % 2 == 0 ? 1000 : 1, 'x').size();
                    };
                    std::future<std::size_t> future;
                    try {
                        future = background::run(call, counted{held});
                        mine.submitted = true;
                    } catch (const std::bad_alloc&) {
                    } catch (const std::system_error&) {} // the first worker
                    if (mine.submitted && job % 4 < 2) {
                        mine.awaited = true;
                        try {
                            mine.right = future.get() == (job % 2 == 0 ? 1000 : 1);
                        } catch (const std::bad_alloc&) { // the job could not have its string
                            mine.right = job % 2 == 0;
                        }
                    }
                    if (job % 50 == 0) background::n = 1 + job / 50 % 4;
                    await([] { return background::pending() <= 500; });
                }
            });
        }
        refused_in_all = in_all;
        start.count_down();
        for (auto& thread : threads) thread.join();
        background::wait();
        refused_in_all = 0;
        int ran = 0, wrong = 0;
        for (const outcome& each : outcomes) {
            ran += each.ran + each.inner_ran;
            wrong += each.ran != (each.submitted ? 1 : 0) || each.inner_ran != each.inner_submitted;
            wrong += each.awaited && !each.right;
            refused += !each.submitted;
        }
        CHECK(wrong == 0);
        CHECK(told == ran);
        CHECK(held.live == 0);
        CHECK(background::pending() == 0);
    }
    CHECK(refused > 0);
    background::n = 4;
    meet(4);
}

#endif
