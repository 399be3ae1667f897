// Signals strike every thread all the time, and their handler lets system calls fail with EINTR: every job runs once.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <csignal>
#include <ctime>
#include <future>
#include <vector>

#include <dirent.h>
#include <pthread.h>

namespace {

enum role { other, on_main, in_job };
thread_local role here = other; // a worker is marked for good
std::atomic<long> struck[3];
static_assert(std::atomic<long>::is_always_lock_free); // a handler may use it

extern "C" void strike(int) { ++struck[here]; }

// Until its end a thread signals every other one, and a timer the process.
class storm {
public:
    storm() {
        struct sigaction action = {};
        action.sa_handler = strike; // without SA_RESTART
        ::sigaction(SIGUSR1, &action, nullptr);
        ::sigaction(SIGUSR2, &action, nullptr);
        sigevent event = {};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGUSR2;
        frame::demand(::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0, "there is a timer");
        constexpr timespec period{0, 500'000};
        constexpr itimerspec schedule{period, period};
        ::timer_settime(timer_, 0, &schedule, nullptr);
        thread_ = std::thread([this] { blow(); });
    }
    storm(const storm&) = delete;
    storm& operator=(const storm&) = delete;
    ~storm() {
        ::timer_delete(timer_);
        over_ = true;
        thread_.join();
    }

private:
    void blow() const {
        while (!over_) {
            DIR* const threads = ::opendir("/proc/self/task");
            frame::demand(threads != nullptr, "the kernel lists the threads");
            while (const dirent* each = ::readdir(threads)) {
                const long thread = std::atol(each->d_name);
                if (thread > 0 && thread != support::kernel_id()) ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR1);
            }
            ::closedir(threads);
        }
    }

    timer_t timer_{};
    std::atomic<bool> over_{false};
    std::thread thread_{};
};

std::atomic<long> submitted{0};
std::atomic<long> ran{0};
support::gauge slots;

template<class F> auto count(F work) {
    ++submitted;
    return background::run([work] {
        here = in_job;
        work();
        ++ran;
    });
}

void hold_slot() {
    slots.enter();
    support::give_way(2);
    slots.leave();
}

int nested(int levels, bool plainly) {
    here = in_job;
    if (levels == 0) return 0;
    auto inner = background::run(nested, levels - 1, plainly);
    return (plainly ? inner.get() : background::get(inner)) + 1;
}

// Every way to submit and to wait.
void mix(int round) {
#ifdef __GLIBCXX__
    bool plainly = round % 2 == 0;
#else
    bool plainly = false;
#endif
    std::vector<std::future<void>> kept;
    for (int job = 0; job < 20; ++job) {
        count(hold_slot);
        kept.push_back(count(hold_slot));
    }
    kept.push_back(count([plainly] { frame::demand(nested(5, plainly) == 5, "nested get returns its result"); }));
    kept.push_back(count([] {
        auto elsewhere = std::async(std::launch::async, [] {
            support::give_way(5);
            return 42;
        });
        frame::demand(background::get(elsewhere) == 42, "get waits for another thread");
    }));
    for (auto& future : kept) round % 3 == 0 ? background::get(future) : future.get();
    if (round % 4 == 0) background::n = 1 + round / 4 % 2;
    if (round % 5 == 0) background::wait();
}

} // namespace

int main() {
    here = on_main;
    background::n = 2;
    static const struct witness {
        ~witness() { frame::demand(ran == submitted, "every job ran before the end"); }
    } last;
    static const storm everywhere; // also over the drain
    constexpr long enough = support::times(1000);
    std::atomic<bool> over{false};
    std::vector<std::thread> submitters;
    for (int i = 0; i < 2; ++i) {
        submitters.emplace_back([&over] {
            for (int round = 0; !over; ++round) mix(round);
        });
    }
    for (int round = 0; struck[on_main] < enough || struck[in_job] < enough || struck[other] < enough; ++round) {
        mix(round);
    }
    over = true;
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    frame::demand(ran == submitted && background::pending() == 0, "every job ran before wait() returned");
    for (int job = 0; job < 1000; ++job) count(hold_slot);
    frame::demand(slots.most() <= 2, "never more than n jobs ran");
    return 7;
}
