// Many threads submit for the first time at once, and many jobs block at once: no more workers start than are needed.
// SPDX-License-Identifier: MIT
#include "../failing_threads.hpp"
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <climits>
#include <future>
#include <string>
#include <vector>

namespace {

void count_starts() { support::fail_threads(INT_MAX); }

void demand_starts(int most) {
    const int started = support::thread_starts;
    if (started > most) frame::say(std::to_string(started) + " workers started where " + std::to_string(most) + " do");
    frame::demand(started <= most, "no more workers start than are needed");
}

void first_submissions(int slots) {
    constexpr int threads = 64;
    support::latch ready{threads};
    frame::gate go;
    std::atomic<int> ran{0};
    std::vector<std::thread> submitters;
    for (int i = 0; i < threads; ++i) {
        submitters.emplace_back([&] {
            ready.count_down();
            go.pass();
            background::run([&ran] { ++ran; });
        });
    }
    ready.wait();
    count_starts();
    go.open();
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    frame::demand(ran == threads, "every job ran");
    demand_starts(slots);
}

// All jobs give their slots away at once while as many others are queued as there are slots, and stay blocked until
// these run: so many workers more are needed.
void blocking_jobs(int slots) {
    std::promise<void> promise;
    const std::shared_future<void> future = promise.get_future().share();
    support::latch running{slots};
    frame::gate go;
    std::vector<std::future<void>> blocked;
    for (int i = 0; i < slots; ++i) {
        blocked.push_back(background::run([&running, &go, future] {
            running.count_down();
            go.pass();
            background::get(future);
        }));
    }
    running.wait();
    count_starts();
    support::latch others{slots};
    for (int i = 0; i < 100; ++i) {
        background::run([&others, i, slots] {
            if (i < slots) others.arrive_and_wait();
        });
    }
    go.open();
    others.wait();
    promise.set_value();
    for (auto& job : blocked) job.get();
    background::wait();
    demand_starts(slots);
}

} // namespace

// stampede <n> submit|block
int main(int, char** words) {
    const int slots = std::atoi(words[1]);
    background::n = slots;
    std::thread([] {}).join(); // ThreadSanitizer starts one of its own with the first thread
    words[2] == std::string("submit") ? first_submissions(slots) : blocking_jobs(slots);
    return 7;
}
