// Real-time threads and normal ones share a processor and the pool: whoever waits for another one lets it run.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

#include <ctime>

#include <pthread.h>
#include <sched.h>

namespace {

[[noreturn]] void skip(const char* reason) {
    frame::say(std::string("skipped: ") + reason);
    std::_Exit(0);
}

bool is_real_time() {
    int policy = 0;
    sched_param parameters{};
    ::pthread_getschedparam(::pthread_self(), &policy, &parameters);
    return policy == SCHED_FIFO;
}

// What this thread has used of its processor, in milliseconds: what others do does not count.
long used() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000L + time.tv_nsec / 1'000'000;
}

constexpr int jobs = 100'000;
constexpr long much = 200; // milliseconds: the kernel stops a real-time thread by force after 950
std::atomic<int> ran{0};
std::atomic<long> real_time_jobs{0};

void look() {
    thread_local long last = used();
    const long now = used();
    frame::demand(now - last < much, "a real-time worker that waits for a lower one does not burn its time");
    ++ran;
    real_time_jobs += is_real_time();
    if (is_real_time()) {
        constexpr timespec while_others_run{0, 50'000};
        ::nanosleep(&while_others_run, nullptr);
    }
    last = used();
}

} // namespace

int main() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) skip("no processor may be chosen");
    background::n = 1;
    frame::gate door;
    frame::gate running;
    background::run([&] {
        running.open();
        door.pass();
    });
    running.pass(); // on a worker of normal priority
    sched_param higher{};
    higher.sched_priority = 10;
    if (::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &higher) != 0) skip("no priority may be chosen");
    background::n = 2;
    frame::demand(background::run(is_real_time).get(), "the second worker has the priority of who submitted");
    door.open();
    long last = used();
    for (int job = 0; job < jobs; ++job) {
        background::run(look);
        const long now = used();
        frame::demand(now - last < much, "a real-time submitter does not burn its time");
        last = now;
    }
    background::wait();
    frame::demand(ran == jobs, "every job ran");
    frame::demand(real_time_jobs > 0, "both workers ran some");
    return 7;
}
