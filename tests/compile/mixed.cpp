// Three units that include the header, each compiled in another way, share one pool: this one and two of tests/shared.
// SPDX-License-Identifier: MIT
#include "../children/frame.hpp"
#include "../shared/shared.hpp"

#include <background.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

using frame::demand;

namespace {

// The names of the library as one unit sees them.
struct unit {
    const void* (*where_n_is)();
    int (*n)();
    void (*assign_n)(int limit);
    std::size_t (*pending)();
    void (*wait)();
    void (*callback)(std::function<void(std::exception_ptr)> called);
    std::future<int> (*run)(std::function<int()> job);
    int (*get)(std::future<int> future);
};

const void* where_n_is() { return &background::n; }
int n() { return background::n; }
void assign_n(int limit) { background::n = limit; }
std::size_t pending() { return background::pending(); }
void callback(std::function<void(std::exception_ptr)> called) { background::callback(std::move(called)); }
std::future<int> run(std::function<int()> job) { return background::run(std::move(job)); }
int get(std::future<int> future) { return background::get(std::move(future)); }

const std::array<unit, 3> units{{
    {a::where_n_is, a::n, a::assign_n, a::pending, a::wait, a::callback, a::run, a::get},
    {b::where_n_is, b::n, b::assign_n, b::pending, b::wait, b::callback, b::run, b::get},
    {where_n_is, n, assign_n, pending, background::wait, callback, run, get},
}};

template<class Throws> bool throws(const Throws& called) {
    try {
        called();
    } catch (const std::exception&) {
        return true;
    }
    return false;
}

void share_n() {
    int limit = 3;
    for (const unit& assigning : units) {
        assigning.assign_n(++limit);
        demand(throws([&assigning] { assigning.assign_n(0); }), "each unit refuses 0");
        for (const unit& reading : units) {
            demand(reading.where_n_is() == assigning.where_n_is(), "there is one n");
            demand(reading.n() == limit, "what one unit assigns to n, all read");
        }
    }
}

void share_the_queue_and_the_workers() {
    for (const unit& waiting : units) {
        frame::gate door;
        std::atomic<int> finished{0};
        for (int i = 0; i < 10; ++i) {
            for (const unit& submitting : units) submitting.run([&door, &finished] { return door.pass(), ++finished; });
        }
        for (const unit& counting : units) demand(counting.pending() == 30, "each unit counts the jobs of all");
        door.open();
        waiting.wait();
        demand(finished == 30 && waiting.pending() == 0, "each unit awaits the jobs of all");
    }
}

void share_the_slots_and_the_order() {
    units[1].assign_n(1);
    std::atomic<int> at_once{0};
    int next = 0;
    int disorder = 0;
    for (int i = 0; i < 3000; ++i) {
        units[static_cast<std::size_t>(i) % 3].run([&at_once, &next, &disorder, i] {
            disorder += ++at_once != 1 || next++ != i;
            return --at_once;
        });
    }
    units[0].wait();
    demand(next == 3000 && disorder == 0, "the jobs of all units start in one order, one at a time");
}

// Whoever waits in a job that the library of another unit runs gives the one slot away.
void give_the_slot_away() {
    units[2].assign_n(1);
    for (std::size_t i = 0; i < 3; ++i) {
        const unit& first = units[i];
        const unit& second = units[(i + 1) % 3];
        const unit& third = units[(i + 2) % 3];
        const auto innermost = [&first, &third] { return third.get(first.run([] { return 42; })); };
        const auto outermost = [&second, &third, innermost] { return second.get(third.run(innermost)); };
        demand(first.run(outermost).get() == 42, "a job of one unit may get() the future of another");
#ifdef __GLIBCXX__
        const auto plainly = [&second] { return second.run([] { return 43; }).get(); };
        demand(first.run(plainly).get() == 43, "and so it may with plain get()");
#endif
    }
}

void share_the_callbacks() {
    static std::atomic<int> successes{0};
    static std::atomic<int> failures{0};
    for (const unit& each : units) each.callback([](std::exception_ptr error) { ++(error ? failures : successes); });
    for (const unit& each : units) {
        demand(each.run([] { return 44; }).get() == 44, "a result arrives");
        auto failing = each.run([]() -> int { throw std::runtime_error("on purpose"); });
        demand(throws([&failing] { failing.get(); }), "an exception arrives");
        auto failing_inside =
            each.run([] { return units[1].get(units[2].run([]() -> int { throw std::exception(); })); });
        demand(throws([&failing_inside] { failing_inside.get(); }),
               "an exception arrives through another unit's get()");
    }
    demand(successes == 9 && failures == 27, "a callback of one unit is called for the jobs of all");
}

std::atomic<int> finished_at_exit{0};

struct witness {
    ~witness() {
        demand(finished_at_exit == 300, "the jobs of all units finish before static objects die");
        for (const unit& late : units) {
            const auto here = [caller = std::this_thread::get_id()] {
                return std::this_thread::get_id() == caller ? 1 : 0;
            };
            demand(late.run(here).get() == 1, "after the drain a call runs its job inline");
        }
    }
};

} // namespace

int main() {
    share_n();
    share_the_queue_and_the_workers();
    share_the_slots_and_the_order();
    give_the_slot_away();
    share_the_callbacks();
    static const witness last;
    static frame::gate leaving;
    for (int i = 0; i < 100; ++i) {
        for (const unit& each : units) each.run([] { return leaving.pass(), ++finished_at_exit; });
    }
    thread_local const frame::opener opener{leaving};
}
