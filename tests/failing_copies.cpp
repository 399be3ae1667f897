// Proves that a copy or a move that throws leaves the call and nothing was submitted.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <utility>

using namespace support;

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
    const callback_switch here;
    background::callback(here([&called](std::exception_ptr) { called += 10; }));
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
