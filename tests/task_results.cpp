// Proves what background::task and background::run promise about the sizes of objects, results and futures.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

TEMPLATE_TEST_CASE_SIG("Callables and arguments and results keep their alignment", "",
                       ((std::size_t Alignment), Alignment), 16, 64, 4096) {
    struct callable : aligned<Alignment> {
        using aligned<Alignment>::aligned;
        aligned<Alignment> operator()(aligned<Alignment>&& argument, char padding) const {
            const bool right = this->placed() && argument.placed() && padding == 'x';
            return aligned<Alignment>{right ? this->value + argument.value : -1};
        }
    };
    const background::task work{callable{1}};
    for (int round = 0; round < 100; ++round) {
        auto padding = background::run([](char c) { return c; }, 'c');
        auto future = work(aligned<Alignment>{round}, 'x').share();
        CHECK(future.get().value == 1 + round);
        CHECK(future.get().placed());
        CHECK(padding.get() == 'c');
    }
}

TEMPLATE_TEST_CASE_SIG("Callables and arguments and results of any size arrive as they were", "",
                       ((std::size_t Size), Size), 1, 100, 1000, 3900, 4000, 4096, 4200, 8192, 65536) {
    std::vector<std::future<bool>> called;
    std::vector<std::future<sized<Size>>> returned;
    for (unsigned char first = 0; first < 20; ++first) {
        called.push_back(background::run(sized<Size>{first}, first));
        returned.push_back(background::task{[](sized<Size> argument) { return argument; }}(sized<Size>{first}));
    }
    for (unsigned char first = 0; first < 20; ++first) {
        CHECK(called[first].get());
        CHECK(returned[first].get().intact(first));
    }
}

TEST_CASE("A callable and an argument and a result of a megabyte work") {
    using large = sized<1 << 20>;
    const auto original = std::make_unique<large>(static_cast<unsigned char>(1));
    CHECK(background::run(*original, static_cast<unsigned char>(1)).get());
    CHECK(background::run([](const large& argument) { return argument.intact(1); }, *original).get());
    auto result = background::run([](const large* source) { return *source; }, original.get()).share();
    CHECK(result.get().intact(1));
}

TEST_CASE("Results may be void or references or move-only or without a default constructor") {
    bool ran = false;
    background::run([&ran] { ran = true; }).get();
    CHECK(ran);
    int variable = 1;
    CHECK(&background::run([&variable]() -> int& { return variable; }).get() == &variable);
    const std::string constant = "constant";
    CHECK(&background::run([&constant]() -> const std::string& { return constant; }).get() == &constant);
    CHECK(*background::run([] { return std::make_unique<int>(5); }).get() == 5);
    CHECK(background::run([] { return adder{6}; }).get().sum == 6);
    CHECK(background::run([] { return aligned<8>{7}; }).get().value == 7);
    CHECK(*background::run([]() -> const std::unique_ptr<int>& {
               static const auto kept = std::make_unique<int>(8);
               return kept;
           }).get() == 8);
}

TEST_CASE("Destroying the future of a running job neither blocks nor cancels it") {
    latch running, gate, finished;
    {
        const auto future = background::run([&] {
            running.count_down();
            gate.wait();
            finished.count_down();
        });
        running.wait();
    } // would wait for the gate for ever, if it blocked
    gate.count_down();
    finished.wait();
    background::wait();
}

TEST_CASE("Destroying the future of a queued job neither blocks nor cancels it") {
    std::atomic<int> ran{0};
    closed_pool pool;
    for (int round = 0; round < 100; ++round) background::run([&ran] { ++ran; });
    background::task work{[&ran](int number) {
        ++ran;
        return number;
    }};
    work(1);
    auto assigned_over = work(2);
    assigned_over = work(3);
    assigned_over = {};
    CHECK(ran == 0);
    pool.open();
    background::wait();
    CHECK(ran == 103);
}

TEST_CASE("A future dropped at any moment harms nothing") {
    const int rounds = times(20000);
    std::atomic<int> ran{0};
    tally objects;
    for (int round = 0; round < rounds; ++round) {
        auto future = background::run([&ran, self = counted{objects}] {
            ++ran;
            return self;
        });
        for (int turn = 0; turn < round % 64; ++turn) static_cast<void>(future.valid());
        if (round % 3 == 0) future.wait();
        if (round % 5 == 0) {
            auto shared = future.share();
            auto other = shared;
            shared = {};
        }
    }
    background::wait();
    CHECK(ran == rounds);
    CHECK(objects.live == 0);
}

TEST_CASE("A future may be read on another thread and long after its job") {
    std::vector<std::future<std::string>> early;
    for (int job = 0; job < 100; ++job) early.push_back(background::run([job] { return std::to_string(job); }));
    background::wait();
    for (int job = 0; job < times(20000); ++job) background::run([] {});
    background::wait();
    std::vector<std::string> read(early.size());
    std::thread{[&read, moved = std::move(early)]() mutable {
        for (std::size_t job = 0; job < moved.size(); ++job) read[job] = moved[job].get();
    }}.join();
    for (std::size_t job = 0; job < read.size(); ++job) CHECK(read[job] == std::to_string(job));
}
