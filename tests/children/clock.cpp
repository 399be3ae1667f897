// The time of day jumps to and fro by hours: nothing asks what it is, and whoever waits for a job is none the wiser.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <chrono>
#include <ctime>
#include <future>
#include <vector>

#include <sys/syscall.h>
#include <sys/time.h>

namespace {

constexpr long hour = 3600;
std::atomic<long> offset{0}; // in seconds
std::atomic<long> asked{0};  // how often anybody wanted to know the time of day

int time_of(clockid_t clock, timespec* now) {
    const int failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return failed;
    ++asked;
    now->tv_sec += offset;
    return failed;
}

} // namespace

// The system's functions, by other names in C++, so that no declaration of its headers has to be matched.
extern "C" {
__attribute__((visibility("default"), used)) int jumping_clock_gettime(clockid_t, timespec*) __asm__("clock_gettime");
__attribute__((visibility("default"), used)) int jumping_gettimeofday(timeval*, void*) __asm__("gettimeofday");
__attribute__((visibility("default"), used)) time_t jumping_time(time_t*) __asm__("time");

int jumping_clock_gettime(clockid_t clock, timespec* now) { return time_of(clock, now); }
int jumping_gettimeofday(timeval* now, void*) {
    timespec exact;
    const int failed = time_of(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}
time_t jumping_time(time_t* now) {
    timespec exact;
    time_of(CLOCK_REALTIME, &exact);
    if (now != nullptr) *now = exact.tv_sec;
    return exact.tv_sec;
}
}

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

std::atomic<int> submitted{0};
std::atomic<int> ran{0};

int nested(int levels) {
    ++ran;
    if (levels == 0) return 0;
    ++submitted;
    return background::get(background::run(nested, levels - 1)) + 1;
}

void work(int rounds) {
    for (int round = 0; round < rounds; ++round) {
        background::n = 1 + round % 4;
        ++submitted;
        auto deep = background::run(nested, 5);
        for (int job = 0; job < 10; ++job) {
            ++submitted;
            background::run([] { ++ran; });
        }
        frame::demand(background::get(deep) == 5, "nested get returns its result");
        if (round % 3 == 0) {
            background::wait();
            frame::demand(background::pending() == 0, "wait() returns when nothing is left");
        }
    }
}

// Waits that end because the job is over, each begun while it still runs.
void wait_in_every_way() {
    using std::future_status;
    support::latch door;
    ++submitted;
    const std::shared_future<void> job = background::run([&door] {
                                             door.wait();
                                             ++ran;
                                         }).share();
    frame::demand(job.wait_for(milliseconds(1)) == future_status::timeout, "the job is not over");
    frame::demand(job.wait_until(steady_clock::now() + milliseconds(1)) == future_status::timeout,
                  "nor a little later");
    frame::demand(job.wait_until(system_clock::now() - hours(10 * hour)) == future_status::timeout, "nor in the past");
    support::latch about{6};
    std::atomic<int> ready{0};
    std::vector<std::thread> waiting;
    const auto wait = [&](auto how) {
        waiting.emplace_back([&about, &ready, job, how] {
            about.count_down();
            ready += how(job);
        });
    };
    wait([](auto& future) { return future.wait_for(hours(1000)) == future_status::ready; });
    wait([](auto& future) { return future.wait_until(steady_clock::now() + hours(1000)) == future_status::ready; });
    wait([](auto& future) { return future.wait_until(system_clock::now() + hours(1000)) == future_status::ready; });
    wait([](auto& future) { return future.wait(), true; });
    wait([](auto& future) { return background::get(future), true; });
    wait([](auto&) { return background::wait(), true; });
    about.wait();
    support::give_way(50);
    frame::demand(ready == 0, "nobody returns before the job is over");
    door.count_down();
    for (auto& thread : waiting) thread.join();
    frame::demand(ready == 6, "everybody learns that the job is over");
}

} // namespace

int main() {
    const auto before = system_clock::now();
    offset = -10 * hour;
    frame::demand(system_clock::now() < before - hours(9), "the clock of this program can be set back");
    asked = 0;
    work(support::times(300));
    background::wait();
    frame::demand(asked == 0, "nothing asks for the time of day");
    static const struct witness {
        ~witness() { frame::demand(ran == submitted, "every job ran before the end"); }
    } last;
    static std::atomic<bool> over{false};
    static std::thread jumps([] {
        for (long jump = 1; !over; ++jump) {
            offset = jump % 7 * (jump % 2 == 0 ? hour : -hour);
            support::give_way(static_cast<int>(jump % 3));
        }
    });
    for (int round = 0; round < support::times(100); ++round) {
        wait_in_every_way();
        work(5);
    }
    background::wait();
    frame::demand(ran == submitted, "every job ran before wait() returned");
    for (int job = 0; job < 1000; ++job) {
        ++submitted;
        background::run([] { ++ran; });
    }
    over = true;
    jumps.join();
    return 7;
}
