// Proves in which order jobs start.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace support;

TEST_CASE("With one slot jobs run in the order of submission") {
    background::n = 1;
    const int jobs = times(20000);
    std::vector<int> order;
    for (int job = 0; job < jobs; ++job) {
        if (job % 3 == 0) background::run([&order, job] { order.push_back(job); });
        if (job % 3 == 1)
            background::run([&order, job, room = sized<3000>{1}] { order.push_back(job + room.bytes[0] - 1); });
        if (job % 3 == 2) background::task{[&order, job](aligned<64>&&) { order.push_back(job); }}(aligned<64>{1});
    }
    background::wait();
    REQUIRE(order.size() == static_cast<std::size_t>(jobs));
    for (int job = 0; job < jobs; ++job) REQUIRE(order[static_cast<std::size_t>(job)] == job);
}

TEST_CASE("Jobs submitted by turns from several threads run in the order of submission") {
    const int rounds = times(2000);
    std::vector<int> order;
    closed_pool pool;
    std::atomic<int> turn{0};
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
        submitters.emplace_back([&, submitter] {
            for (int job = submitter; job < 4 * rounds; job += 4) {
                await([&] { return turn == job; });
                background::run([&order, job] { order.push_back(job); });
                turn = job + 1;
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    pool.open();
    background::wait();
    REQUIRE(order.size() == static_cast<std::size_t>(4 * rounds));
    for (int job = 0; job < 4 * rounds; ++job) REQUIRE(order[static_cast<std::size_t>(job)] == job);
}

TEST_CASE("A job that a job submits runs after those that were queued before") {
    std::string order;
    closed_pool pool;
    background::run([&order] {
        order += 'a';
        background::run([&order] { order += 'd'; });
    });
    background::run([&order] {
        order += 'b';
        background::run([&order] { order += 'e'; });
    });
    background::run([&order] { order += 'c'; });
    pool.open();
    background::wait();
    CHECK(order == "abcde");
}

TEST_CASE("With several slots the jobs that start are the ones submitted first") {
    closed_pool pool;
    gauge started;
    std::array<std::atomic<bool>, 12> ran{};
    std::vector<std::unique_ptr<latch>> gates;
    for (std::size_t job = 0; job < ran.size(); ++job) {
        gates.push_back(std::make_unique<latch>());
        background::run([&started, &mine = ran[job], &gate = *gates.back()] {
            mine = true;
            started.enter();
            gate.wait();
        });
    }
    const auto only_first = [&ran](std::size_t count) {
        for (std::size_t job = 0; job < ran.size(); ++job) {
            if (ran[job] != (job < count)) return false;
        }
        return true;
    };
    background::n = 4; // one slot is the closed pool's
    await([&] { return started.inside() >= 3; });
    CHECK(only_first(3));
    for (std::size_t job = 0; job < 6; ++job) {
        gates[2 - job % 3 + job / 3 * 3]->count_down(); // not in their order
        await([&] { return started.inside() >= static_cast<int>(job) + 4; });
        CHECK(only_first(job + 4));
    }
    for (std::size_t job = 6; job < ran.size(); ++job) gates[job]->count_down();
    pool.open();
    background::wait();
    CHECK(only_first(ran.size()));
}

TEST_CASE("With several slots no job starts before more jobs that were submitted earlier than there are other slots") {
    const int slots = 4;
    background::n = slots;
    const int jobs = times(20000);
    std::atomic<int> starts{0};
    std::vector<int> position(static_cast<std::size_t>(jobs));
    for (int job = 0; job < jobs; ++job) {
        background::run([&starts, &mine = position[static_cast<std::size_t>(job)]] { mine = starts++; });
    }
    background::wait();
    for (int job = 0; job < jobs; ++job) {
        REQUIRE(position[static_cast<std::size_t>(job)] > job - slots);
    }
}
