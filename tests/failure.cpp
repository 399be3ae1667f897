// Proves what holds when memory or threads cannot be had and when copies throw, and that memory is given back.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include "failing_threads.hpp"

#include <malloc.h>
#endif

using namespace support;

// --- operator new that fails where it is told to, and counts ---

#if defined(__clang__) && SUPPORT_THREAD_SANITIZER
#define SUPPORT_REPLACED_NEW 0 // there ThreadSanitizer's own is linked into the program and cannot be replaced
#else
#define SUPPORT_REPLACED_NEW 1
#endif

#if SUPPORT_REPLACED_NEW

namespace {

struct memory_of_this_thread {
    long asked_for = 0; // how often, ever
    long fails_in = 0;  // the allocation that fails, counted from 1; 0: none
    bool has_failed = false;
    bool refused = false; // every allocation fails
    std::uint32_t random = 0;
};
thread_local memory_of_this_thread memory;

std::atomic<std::uint32_t> refused_in_all{0}; // of how many allocations, on any thread, one fails at random; 0: none
std::atomic<std::uint32_t> next_random{1};    // where the next thread's random numbers begin

bool is_refused_at_random() {
    const std::uint32_t in_all = refused_in_all;
    if (in_all == 0) return false;
    if (memory.random == 0) memory.random = next_random += 0x9e3779b9;
    memory.random ^= memory.random << 13;
    memory.random ^= memory.random >> 17;
    memory.random ^= memory.random << 5;
    return memory.random % in_all == 0;
}

std::atomic<long> live_bytes{0};
std::atomic<long> peak_bytes{0};

#ifdef _WIN32 // where free() takes no aligned block and nothing tells its size: both stand in front of it
struct note {
    void* begin;
    std::size_t size;
};
note& note_of(void* block) { return static_cast<note*>(block)[-1]; }

void* aligned_malloc(std::size_t size, std::size_t alignment) noexcept {
    void* const begin = std::malloc(sizeof(note) + size + alignment);
    if (begin == nullptr) return nullptr;
    std::size_t room = size + alignment;
    void* block = static_cast<note*>(begin) + 1;
    std::align(alignment, size, block, room);
    note_of(block) = {begin, size};
    return block;
}
#endif

long size_of(void* block) {
#if defined(__linux__)
    return static_cast<long>(malloc_usable_size(block));
#elif defined(_WIN32)
    return static_cast<long>(note_of(block).size);
#else
    static_cast<void>(block);
    return 0;
#endif
}

void* take(std::size_t size, std::size_t alignment) noexcept {
    ++memory.asked_for;
    if (memory.refused || (memory.fails_in > 0 && --memory.fails_in == 0) || is_refused_at_random()) {
        memory.has_failed = true;
        return nullptr;
    }
#ifdef _WIN32
    void* const block = aligned_malloc(size, alignment);
#else
    void* block = nullptr;
    if (alignment <= alignof(std::max_align_t))
        block = std::malloc(size);
    else if (posix_memalign(&block, alignment, size) != 0)
        block = nullptr;
#endif
    const long now = live_bytes += block ? size_of(block) : 0;
    for (long peak = peak_bytes; peak < now && !peak_bytes.compare_exchange_weak(peak, now);) {}
    return block;
}

void* take_or_throw(std::size_t size, std::size_t alignment) {
    if (void* const block = take(size, alignment)) return block;
    throw std::bad_alloc{};
}

void give(void* block) noexcept {
    if (block) live_bytes -= size_of(block);
#ifdef _WIN32
    if (block) std::free(note_of(block).begin);
#else
    std::free(block);
#endif
}

constexpr std::size_t usual = alignof(std::max_align_t);

std::size_t in_bytes(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

} // namespace

void* operator new(std::size_t size) { return take_or_throw(size, usual); }
void* operator new[](std::size_t size) { return take_or_throw(size, usual); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size, usual); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size, usual); }
void* operator new(std::size_t size, std::align_val_t at) { return take_or_throw(size, in_bytes(at)); }
void* operator new[](std::size_t size, std::align_val_t at) { return take_or_throw(size, in_bytes(at)); }
void* operator new(std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
    return take(size, in_bytes(at));
}
void* operator new[](std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
    return take(size, in_bytes(at));
}
void operator delete(void* block) noexcept { give(block); }
void operator delete[](void* block) noexcept { give(block); }
void operator delete(void* block, std::size_t) noexcept { give(block); }
void operator delete[](void* block, std::size_t) noexcept { give(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { give(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { give(block); }
void operator delete(void* block, std::align_val_t) noexcept { give(block); }
void operator delete[](void* block, std::align_val_t) noexcept { give(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { give(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { give(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { give(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { give(block); }

#endif

namespace {

/// Makes `count` jobs meet, which takes `count` slots and as many workers.
void meet(int count) {
    latch everybody{count};
    std::vector<std::future<void>> jobs;
    for (int job = 0; job < count; ++job) {
        jobs.push_back(background::run([&everybody] { everybody.arrive_and_wait(); }));
    }
    for (auto& job : jobs) job.get();
}

} // namespace

#ifdef __linux__

TEST_CASE("If the first worker cannot be started the call throws and nothing was submitted") {
    std::atomic<int> ran{0};
    std::atomic<int> called{0};
    tally held;
    background::callback([&called](std::exception_ptr) { ++called; });
    const background::task work{[&ran, self = counted{held}](const counted&) { ++ran; }};
    fail_threads(1);
    for (int round = 0; round < 5; ++round) {
        try {
            work(counted{held});
            FAIL("there is no thread and yet it was submitted");
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::resource_unavailable_try_again);
        }
        CHECK_THROWS_AS(background::run([&ran, self = counted{held}] { ++ran; }), std::system_error);
        CHECK(held.live == 1);
        CHECK(background::pending() == 0);
        background::wait();
        background::n = round + 1;
    }
    allow_threads();
    CHECK(background::run([] { return 1; }).get() == 1);
    work(counted{held}).get();
    background::wait();
    CHECK(ran == 1);
    CHECK(called == 2);
    meet(5);
}

TEST_CASE("If the first worker cannot be started every one of many submitting threads is told") {
    std::atomic<int> ran{0};
    std::atomic<int> thrown{0};
    latch started{4}, failing;
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
        submitters.emplace_back([&] {
            started.count_down();
            failing.wait();
            for (int job = 0; job < 100; ++job) {
                try {
                    background::run([&ran] { ++ran; });
                } catch (const std::system_error&) {
                    ++thrown;
                }
            }
        });
    }
    started.wait();
    fail_threads(1);
    failing.count_down();
    for (auto& submitter : submitters) submitter.join();
    allow_threads();
    CHECK(thrown == 400);
    CHECK(background::pending() == 0);
    background::run([] {}).get();
    background::wait();
    CHECK(ran == 0);
}

TEST_CASE("If no second worker can be started the pool carries on with one") {
    background::n = 4;
    fail_threads(2);
    thread_ids workers;
    std::atomic<int> ran{0};
    latch running, gate;
    background::run([&] {
        running.count_down();
        gate.wait();
    });
    running.wait();
    std::vector<std::future<int>> results;
    for (int job = 0; job < 100; ++job) {
        results.push_back(background::run([&, job] {
            workers.add();
            ++ran;
            return job;
        }));
    }
    background::n = 8;
    background::n = 4;
    gate.count_down();
    for (int job = 0; job < 100; ++job) CHECK(results[static_cast<std::size_t>(job)].get() == job);
    for (int job = 0; job < times(1000); ++job) background::run([&ran] { ++ran; });
    background::wait();
    CHECK(ran == 100 + times(1000));
    CHECK(workers.size() == 1);
    allow_threads();
    meet(4);
}

TEST_CASE("Jobs that are blocked for want of a worker start as soon as a thread can be had for a later one") {
    background::n = 2;
    fail_threads(2);
    latch released;
    auto blocked = background::run([&released] { released.wait(); });
    background::run([&released] { released.count_down(); });
    allow_threads();
    do background::run([] {}); // one that comes while a start is still being refused does not ask for another
    while (blocked.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready);
    blocked.get();
    background::wait();
}

TEST_CASE("Any single thread that cannot be started does no harm") {
    for (int failing = 1; failing < 6; ++failing) { // no round starts many more than five
        background::n = 1;
        background::wait();
        fail_threads(failing, failing);
        background::n = 3;
        std::atomic<int> ran{0};
        for (int job = 0; job < times(300); ++job) {
            try {
                background::run([&ran] { ++ran; });
            } catch (const std::system_error&) {
                ++ran; // the first worker
            }
        }
        std::vector<std::future<int>> results;
        for (int job = 0; job < 5; ++job) {
            results.push_back(background::run([] {
                auto inner = background::run([] { return 1; });
                try {
                    return background::get(inner);
                } catch (const std::system_error&) {
                    return 1;
                }
            }));
        }
        for (auto& result : results) CHECK(result.get() == 1);
        background::wait();
        CHECK(ran == times(300));
        CHECK(background::pending() == 0);
        allow_threads();
        meet(3);
    }
}

namespace {

/// A job that submits the next and waits for it. Where that needs a thread that cannot be had, get may throw.
template<typename Get> int nested(int levels, std::atomic<int>& ran, std::atomic<int>& thrown, Get get) {
    ++ran;
    if (levels == 1) return 1;
    auto inner = background::run(nested<Get>, levels - 1, std::ref(ran), std::ref(thrown), get);
    try {
        return get(inner) + 1;
    } catch (const std::system_error&) {
        ++thrown;
        return 1;
    }
}

template<typename Get> void check_nested_without_threads(Get get) {
    for (const int slots : {1, 2, 3}) {
        for (const int threads : {0, 1, 5}) { // to be had besides the one that is there
            background::n = slots;
            background::run([] {}).get();
            background::wait();
            fail_threads(threads + 1);
            std::atomic<int> ran{0};
            std::atomic<int> thrown{0};
            const int result = background::run(nested<Get>, 50, std::ref(ran), std::ref(thrown), get).get();
            background::wait();
            CHECK(ran == 50);
            CHECK((result == 50 || thrown > 0));
            CHECK(background::pending() == 0);
            allow_threads();
            thrown = 0;
            CHECK(background::run(nested<Get>, 50, std::ref(ran), std::ref(thrown), get).get() == 50);
            CHECK(thrown == 0);
            gauge room;
            for (int job = 0; job < times(300); ++job) {
                background::run([&room] {
                    room.enter();
                    give_way(2);
                    room.leave();
                });
            }
            background::wait();
            CHECK(room.most() <= slots);
        }
    }
}

} // namespace

TEST_CASE("get inside a task never hangs when no thread can be had") {
    check_nested_without_threads([](auto& future) { return background::get(future); });
}

#ifdef __GLIBCXX__
TEST_CASE("With libstdc++ a plain get inside a task never hangs when no thread can be had") {
    check_nested_without_threads([](auto& future) { return future.get(); });
}
#endif

TEST_CASE("get inside a task of a future that is ready needs no thread") {
    background::n = 1;
    auto job = background::run([] {
        std::promise<int> promise;
        promise.set_value(1);
        auto future = promise.get_future();
        fail_threads(1);
        return background::get(future);
    });
    CHECK(job.get() == 1);
    allow_threads();
}

TEST_CASE("get inside a task for another thread's promise never hangs when no thread can be had") {
    background::n = 1;
    std::promise<int> promise;
    latch waiting;
    std::thread keeps{[&] {
        waiting.wait();
        promise.set_value(1);
    }};
    auto job = background::run([&] {
        auto future = promise.get_future();
        fail_threads(1);
        waiting.count_down();
        try {
            return background::get(future);
        } catch (const std::system_error&) {
            return future.get();
        }
    });
    CHECK(job.get() == 1);
    allow_threads();
    keeps.join();
    background::wait();
}

#endif

TEST_CASE("A copy that throws leaves the call and nothing was submitted") {
    background::n = 1;
    std::atomic<int> ran{0};
    latch running, gate;
    const auto count = [&ran](auto&&...) { ++ran; };
    tally held;
    {
        const brittle breaks{held, true};
        const brittle fine{held, false};
        background::task work{[&ran, self = brittle{held, true}](auto&&...) { ++ran; }};
        background::task unbreakable{count};

        const int before = held.live;
        const auto check = [&](std::size_t pending) {
            CHECK_THROWS_AS(work(), copy_failed);
            CHECK_THROWS_AS(std::as_const(work)(1, 2), copy_failed);
            CHECK_THROWS_AS(unbreakable(breaks), copy_failed);
            CHECK_THROWS_AS(unbreakable(breaks, fine, fine), copy_failed);
            CHECK_THROWS_AS(unbreakable(fine, breaks, fine), copy_failed);
            CHECK_THROWS_AS(unbreakable(fine, fine, breaks), copy_failed);
            CHECK_THROWS_AS(background::run(count, breaks), copy_failed);
            CHECK_THROWS_AS(background::run(count, brittle{held, false}, breaks), copy_failed);
            CHECK_THROWS_AS(background::run(count, std::array<char, 10000>{}, breaks), copy_failed);
            CHECK(held.live == before);
            CHECK(background::pending() == pending);
        };
        check(0); // before there is a worker
        background::run([] {}).get();
        background::wait();
        check(0); // with an idle one
        background::run([&] {
            running.count_down();
            gate.wait();
        });
        running.wait();
        check(1); // with a busy one
        background::run(count);
        check(2); // with a queue
        gate.count_down();
        background::wait();
        CHECK(ran == 1);
        std::move(work)().get();
        unbreakable(fine, fine).get();
        CHECK(ran == 3);
    }
    CHECK(held.live == 0);
}

TEST_CASE("A copy that throws leaves callback and nothing was registered") {
    std::atomic<int> called{0};
    tally held;
    const auto breaks = [&called, self = brittle{held, true}](std::exception_ptr) { ++called; };
    CHECK_THROWS_AS(background::callback(breaks), copy_failed);
    CHECK(held.live == 1);
    background::run([] {}).get();
    CHECK(called == 0);
    background::callback([&called](std::exception_ptr) { called += 10; });
    background::run([] {}).get();
    CHECK(called == 10);
}

TEST_CASE("A move that throws leaves the call and nothing was submitted") {
    struct stuck {
        explicit stuck(tally& owner) : self{owner} {}
        stuck(const stuck&) = default;
        stuck(stuck&& other) : self{other.self} { throw copy_failed{}; }
        stuck& operator=(const stuck&) = delete;
        stuck& operator=(stuck&&) = delete;
        ~stuck() = default;
        counted self;
    };
    std::atomic<int> ran{0};
    tally held;
    const auto count = [&ran](auto&&...) { ++ran; };
    for (int round = 0; round < 3; ++round) {
        CHECK_THROWS_AS(background::run(count, stuck{held}), copy_failed);
        CHECK_THROWS_AS(background::run(count, 1, stuck{held}, 2), copy_failed);
        CHECK(held.live == 0);
        CHECK(background::pending() == 0);
        background::run([] {}).get();
        background::wait();
    }
    CHECK(ran == 0);
}

#if SUPPORT_REPLACED_NEW

namespace {

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
    int registered = 0;
    for (long failing = 1;; ++failing) {
        memory.has_failed = false;
        memory.fails_in = failing;
        try {
            static tally forever;
            background::callback([&called, self = counted{forever}](std::exception_ptr) { ++called; });
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
    latch running, gate;
    background::run([&] {
        running.count_down();
        gate.wait();
    });
    running.wait();
    for (int job = 0; job < 10; ++job) background::run([&ran] { ++ran; });
    memory.refused = true;
    bool thrown = false;
    std::size_t pending = 0;
    try {
        for (const int slots : {4, 1, 3}) background::n = slots;
        pending = background::pending();
        gate.count_down();
        background::wait();
        background::wait();
    } catch (...) {
        thrown = true;
    }
    memory.refused = false;
    CHECK_FALSE(thrown);
    CHECK(pending >= 1);
    CHECK(ran == 10);
    CHECK(background::n == 3);
    meet(3);
}

TEST_CASE("Running and finishing a job allocates nothing") {
    background::n = 1;
    std::atomic<int> told{0};
    background::callback([&told](std::exception_ptr error) { told += error ? 10 : 1; });
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
        memory.refused = true;
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
        memory.refused = false;
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
            memory.refused = true;
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
                    memory.refused = false;
                    inner_ran = true;
                    return 1;
                });
                memory.refused = true;
                int result = 2;
                try {
                    result = background::get(inner);
                } catch (const std::bad_alloc&) {
                } catch (const std::system_error&) {}
                memory.refused = false;
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
    constexpr int submitters = 3, jobs = times(20'000);
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
                    while (background::pending() > 500) std::this_thread::yield();
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

#if defined(__linux__) || defined(_WIN32)

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

#endif
