// The README's recipes, each at work. What the page shows stands here word for word, which readme.sh sees to.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "../catch.hpp"
#include "../support.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <queue>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

class scanner {
public:
    explicit scanner(std::function<int(int)> measure) : measure_{std::move(measure)} {}
    std::future<int> scan(int page) const { return measure_(page); }

private:
    background::task<std::function<int(int)>> measure_;
};

int area(int side) { return side * side; }
int area(int width, int height) { return width * height; }
template<typename T> T half(T value) { return value / 2; }

class serial_queue {
public:
    template<typename F> std::future<void> submit(F step) {
        std::packaged_task<void()> next{std::move(step)};
        std::future<void> done = next.get_future();
        std::unique_lock<std::mutex> lock{mutex_};
        steps_.push(std::move(next));
        if (std::exchange(working_, true)) return done;
        lock.unlock(); // while the program ends, the job may run inline, on this very thread
        background::run([this] { work(); });
        return done;
    }

private:
    void work() {
        std::unique_lock<std::mutex> lock{mutex_};
        for (; !steps_.empty(); lock.lock()) {
            std::packaged_task<void()> step = std::move(steps_.front());
            steps_.pop();
            lock.unlock();
            step();
        }
        working_ = false;
    }

    std::mutex mutex_{};
    std::queue<std::packaged_task<void()>> steps_{}; // guarded by mutex_
    bool working_ = false;                           // guarded by mutex_
};

} // namespace

TEST_CASE("A time limit ends the waiting and not the job") {
    support::latch asked, ended;
    const auto ask = [&](const std::string& host) {
        asked.wait();
        ended.count_down();
        return host + " is there";
    };

    std::future<std::string> answer = background::run(ask, "example.org");
    const bool in_time = answer.wait_for(std::chrono::milliseconds(200)) == std::future_status::ready;
    std::string text = in_time ? answer.get() : "no answer yet"; // the job goes on

    CHECK(text == "no answer yet");
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
    auto stop = std::make_shared<std::atomic<bool>>(false);
    std::future<int> steps = background::run([stop] {
        int done = 0;
        while (!*stop) done += done < 1000; // each turn is one step of the work
        return done;
    });
    *stop = true;

    CHECK(steps.get() <= 1000);
}

TEST_CASE("Progress is what a callback counts, until nothing is pending") {
    std::vector<std::string> files(100, "photo.jpg");
    static std::atomic<std::size_t> bytes{0};
    const auto compress = [](const std::string& file) { bytes += file.size(); };

    static std::atomic<int> finished{0}; // static, as callbacks stay for ever
    background::callback([](std::exception_ptr) { ++finished; });
    for (const std::string& file : files) background::run(compress, file);
    while (background::pending() > 0) {
        std::printf("%d of %zu\r", finished.load(), files.size());
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }

    CHECK(finished == 100);
    CHECK(bytes == 900);
}

TEST_CASE("A task is a member by the name of std::function") {
    const scanner twice{[](int page) { return 2 * page; }};
    CHECK(twice.scan(21).get() == 42);
}

TEST_CASE("Overloaded and template functions are wrapped in a lambda") {
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
