// The README's recipes, each at work. What the page shows stands here word for word, which readme.sh sees to.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "../catch.hpp"
#include "../support.hpp"
#include "serial_queue.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::atomic<int> finished{0};
std::vector<std::string> lines; // used by one job at a time

class scanner {
public:
    explicit scanner(std::function<int(int)> measure) : measure_{std::move(measure)} {}
    std::future<int> scan(int page) const { return measure_(page); }

private:
    // A member may wrap any callable with this signature.
    background::task<std::function<int(int)>> measure_;
};

int area(int side) { return side * side; }
int area(int width, int height) { return width * height; }
template<typename T> T half(T value) { return value / 2; }

} // namespace

TEST_CASE("A time limit ends the waiting and not the job") {
    support::latch asked, ended;
    const auto ask = [&](const std::string& host) {
        asked.wait();
        ended.count_down();
        return host + " is there";
    };

    // A time limit ends the waiting, not the job.
    std::future<std::string> answer = background::run(ask, "example.org");
    const bool in_time = answer.wait_for(std::chrono::milliseconds(200)) == std::future_status::ready;

    CHECK_FALSE(in_time);
    asked.count_down();
    ended.wait();
    CHECK(answer.get() == "example.org is there");
}

TEST_CASE("A time limit inside of a job keeps the slot, so with n == 1 it always passes") {
    background::n = 1;
    std::future<int> inner;
    auto outer = background::run([&inner] {
        inner = background::run([] { return 7; });
        return inner.wait_for(std::chrono::milliseconds(50));
    });
    CHECK(outer.get() == std::future_status::timeout);
    CHECK(inner.get() == 7);
}

TEST_CASE("A job stops when it is told to") {
    std::atomic<int> steps{0};
    const auto step = [&steps] { ++steps; };

    // No thread can be stopped from outside: a job looks at a flag that it shares with whoever may stop it.
    auto stop = std::make_shared<std::atomic<bool>>(false);
    background::run([stop, step] {
        while (!*stop) step();
    });
    *stop = true;

    background::wait();
    const int done = steps;
    support::give_way();
    CHECK(steps == done);
}

TEST_CASE("Progress is what a callback counts, also of jobs that fail") {
    // Progress: what is finished, counted in a static object as callbacks stay for ever. What is left: pending().
    background::callback([](std::exception_ptr) { ++finished; });

    for (int job = 0; job < 100; ++job)
        background::run([job] {
            if (job % 2 == 0) throw std::runtime_error{"an even job"};
        });
    background::wait();
    CHECK(finished == 100);
    CHECK(background::pending() == 0);
}

TEST_CASE("A task is a member by the name of std::function") {
    const scanner twice{[](int page) { return 2 * page; }};
    CHECK(twice.scan(21).get() == 42);
}

TEST_CASE("Overloaded and template functions are wrapped in a lambda") {
    // A lambda makes one callable of an overloaded function, of a template, of one with default arguments.
    background::task area_of{[](auto... sides) { return area(sides...); }};
    std::future<int> square = area_of(3), oblong = area_of(3, 4);
    std::future<double> small = background::run([](double value) { return half(value); }, 5.0);

    CHECK(square.get() == 9);
    CHECK(oblong.get() == 12);
    CHECK(small.get() == 2.5);
}

TEST_CASE("Work at regular times has a thread that submits, and ends when it is told to") {
    support::latch thrice{3};
    const auto clean_up = [&thrice] { thrice.count_down(); };
    const auto pause = std::chrono::milliseconds(1);

    // Submits a job now and then, until stop.set_value(); then timer.join().
    std::promise<void> stop;
    std::thread timer([&, stopped = stop.get_future()] {
        while (stopped.wait_for(pause) == std::future_status::timeout) background::run(clean_up);
    });

    thrice.wait();

    stop.set_value();
    timer.join();

    background::wait();
    CHECK(background::pending() == 0);
}

TEST_CASE("A serial queue runs one step after the other, whatever n is and whichever fails") {
    background::n = 4;
    serial_queue queue;
    std::vector<int> order; // without a lock
    std::vector<std::future<void>> done;
    for (int i = 0; i < 1000; ++i)
        done.push_back(queue.submit([&order, i] {
            if (i == 500) throw std::runtime_error{"step 500"};
            order.push_back(i);
        }));
    background::wait();
    REQUIRE(order.size() == 999);
    for (int i = 0; i < 999; ++i) CHECK(order[static_cast<std::size_t>(i)] == (i < 500 ? i : i + 1));
    CHECK_THROWS_AS(done[500].get(), std::runtime_error);
    CHECK_NOTHROW(done[501].get());
}

TEST_CASE("A serial queue may be a static object") {
    background::n = 4;

    // One after the other, whatever n is; the queue lives longer than its jobs.
    static serial_queue file;
    std::future<void> written = file.submit([] { lines.push_back("first"); });
    file.submit([] { lines.push_back("second"); });

    written.get();
    background::wait();
    CHECK(lines == std::vector<std::string>{"first", "second"});
}

TEST_CASE("Steps of a serial queue that several threads submit do not overlap") {
    background::n = 4;
    serial_queue queue;
    int steps = 0; // without a lock
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&queue, &steps] {
            for (int i = 0; i < 500; ++i) queue.submit([&steps] { ++steps; });
        });
    for (std::thread& thread : threads) thread.join();
    background::wait();
    CHECK(steps == 2000);
}
