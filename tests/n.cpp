// Proves which values background::n takes and that no more jobs than that run at the same time, and no fewer.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <climits>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace support;

namespace {

const int n_before_main = background::n;

template<typename Integer> void check_refused(Integer value, const std::string& in_words) {
    const int before = background::n;
    try {
        background::n = value;
        FAIL("n took " << in_words);
    } catch (const std::invalid_argument& error) {
        INFO(error.what());
        const std::string message = error.what();
        const auto found = message.find(in_words);
        CHECK(found != std::string::npos);
        if (found != std::string::npos && found + in_words.size() < message.size()) {
            CHECK(message.find_first_of("0123456789", found + in_words.size()) != found + in_words.size());
        }
    }
    CHECK(background::n == before);
}

} // namespace

TEST_CASE("n is the number of processors unless assigned and can be read before main") {
    const int processors = static_cast<int>(std::thread::hardware_concurrency());
    const int expected = processors == 0 ? 1 : processors;
    CHECK(n_before_main == expected);
    CHECK(background::n == expected);
    STATIC_REQUIRE(std::is_convertible_v<decltype(background::n), int>);
    const int read = background::n;
    CHECK(read == expected);
    meet(expected);
}

TEMPLATE_TEST_CASE("n takes any integer type", "", signed char, unsigned char, char, short, unsigned short, int,
                   unsigned, long, unsigned long, long long, unsigned long long, wchar_t, char16_t, char32_t) {
    background::n = static_cast<TestType>(3);
    CHECK(background::n == 3);
    const TestType large = static_cast<TestType>(100);
    background::n = large;
    CHECK(background::n == 100);
    meet(5);
    background::n = static_cast<TestType>(1);
    CHECK(background::n == 1);
    check_refused(static_cast<TestType>(0), "0");
}

TEST_CASE("n refuses zero and less and names the value and changes nothing") {
    background::n = 3;
    check_refused(0, "0");
    check_refused(-1, "-1");
    check_refused(-3, "-3");
    check_refused(INT_MIN, std::to_string(INT_MIN));
    check_refused(LLONG_MIN, std::to_string(LLONG_MIN));
    check_refused(LLONG_MIN + 1, std::to_string(LLONG_MIN + 1));
    check_refused(static_cast<long long>(INT_MIN) * 2 + 5, std::to_string(static_cast<long long>(INT_MIN) * 2 + 5));
    check_refused(static_cast<signed char>(-3), "-3");
    check_refused(static_cast<short>(-300), "-300");
    check_refused(0u, "0");
    check_refused(0ull, "0");
    check_refused('\0', "0");
    CHECK(background::n == 3);
    meet(3);
    gauge room;
    crowd(room, 200);
    background::wait();
    CHECK(room.most() <= 3);
}

TEST_CASE("Huge values of n are harmless") {
    const auto works = [] {
        const int seen = background::n;
        CHECK(seen >= 1000);
        meet(10);
        auto nested = background::run([] {
            auto inner = background::run([] { return background::get(background::run([] { return 1; })) + 1; });
            return background::get(inner) + 1;
        });
        CHECK(nested.get() == 3);
        std::atomic<int> ran{0};
        for (int job = 0; job < 1000; ++job) background::run([&ran] { ++ran; });
        background::wait();
        CHECK(ran == 1000);
    };
    background::n = INT_MAX;
    works();
    background::n = UINT_MAX;
    works();
    background::n = LLONG_MAX;
    works();
    background::n = ULLONG_MAX;
    works();
    background::n = static_cast<long long>(INT_MAX) + 2;
    works();
    background::n = 1ull << 32;
    works();
    background::n = 2;
    gauge room;
    crowd(room, 200);
    background::wait();
    CHECK(room.most() <= 2);
}

TEST_CASE("Never more than n jobs run at the same time") {
    for (const int slots : {1, 2, 3, 5}) {
        background::n = slots;
        gauge room;
        std::vector<std::thread> submitters;
        for (int submitter = 0; submitter < 3; ++submitter) {
            submitters.emplace_back([&room] { crowd(room, times(2000)); });
        }
        for (auto& submitter : submitters) submitter.join();
        background::wait();
        CHECK(room.most() <= slots);
    }
}

TEST_CASE("While n jobs are blocked no other starts") {
    for (const int slots : {1, 2, 4}) {
        background::n = slots;
        std::atomic<int> started{0};
        std::promise<void> promise;
        background::run([&started, future = promise.get_future()]() mutable {
            background::get(future); // gives its slot to one of the blockers, and wants it back
            ++started;
        });
        blockers holding{slots};
        for (int job = 0; job < 100; ++job) background::run([&started] { ++started; });
        std::thread{[&started] { background::run([&started] { ++started; }); }}.join();
        promise.set_value();
        give_way();
        CHECK(started == 0);
        holding.release_all();
        background::wait();
        CHECK(started == 102);
    }
}

TEST_CASE("n jobs run at the same time when that many are there") {
    for (const int slots : {1, 2, 3, 8, 40}) {
        background::n = slots;
        for (int round = 0; round < times(200); ++round) meet(slots);
    }
}

TEST_CASE("n jobs submitted by jobs run at the same time") {
    background::n = 4;
    for (int round = 0; round < times(1000); ++round) {
        latch everybody{4};
        background::run([&everybody] {
            for (int job = 0; job < 3; ++job) background::run([&everybody] { everybody.arrive_and_wait(); });
            everybody.arrive_and_wait();
        });
        everybody.wait();
        background::wait();
    }
}

TEST_CASE("With n == 1 jobs need no lock among themselves") {
    const int rounds = times(100);
    int sum = 0;
    for (int round = 0; round < rounds; ++round) {
        background::n = 3;
        for (int job = 0; job < 3; ++job) background::run(give_way, job);
        background::n = 1;
        std::vector<std::thread> submitters;
        for (int submitter = 0; submitter < 2; ++submitter) {
            submitters.emplace_back([&sum] {
                for (int job = 0; job < 10; ++job) background::run([&sum] { ++sum; });
                background::run([&sum] {
                    ++sum;
                    background::get(background::run([&sum] { ++sum; }));
                    ++sum;
                });
            });
        }
        for (auto& submitter : submitters) submitter.join();
        background::wait();
    }
    CHECK(sum == rounds * 2 * 13);
}
