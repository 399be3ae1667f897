// A signal handler calls exit() on the main thread, wherever that waits: the pool drains and the process ends.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <csignal>
#include <future>
#include <string>

#include <pthread.h>

#if SUPPORT_THREAD_SANITIZER
// exit() in a signal handler is what this is about, and it is no function for one. And the process ends before main
// joins the thread that sent the signal.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "report_signal_unsafe=0:report_thread_leaks=0"; }
#endif

namespace {

constexpr int jobs = 100;
frame::gate door; // until the handler has been called no job ends
std::atomic<int> begun{0};
std::atomic<int> finished{0};

struct witness {
    ~witness() {
        frame::demand(finished == jobs, "every job finishes before static objects die");
        frame::say("100 jobs finished");
    }
};

extern "C" void leave(int) {
    door.open();
    std::exit(130);
}

} // namespace

// interrupted <n> wait|get|plain_get|shared_get|plain_wait|join [too]: where the main thread waits when the signal
// comes; too: other threads wait in wait() and get() then
int main(int count, char** words) {
    background::n = std::atoi(words[1]);
    const std::string where = words[2];
    static const witness last;
    std::signal(SIGINT, leave);
    std::shared_future<void> future;
    for (int job = 0; job < jobs; ++job) {
        future = background::run([] {
                     ++begun;
                     door.pass();
                     ++finished;
                 }).share();
    }
    auto plain = background::run([] { door.pass(); });
    // No worker has the pool's mutex any more: where main waited for that, in wait(), nothing could be drained.
    support::await([] { return begun == background::n; });
    if (count > 3) {
        static std::atomic<long> waiting[2];
        std::thread([] {
            waiting[0] = support::kernel_id();
            background::wait();
        }).detach();
        std::thread([future] {
            waiting[1] = support::kernel_id();
            background::get(future);
        }).detach();
        for (auto& thread : waiting) {
            support::await([&thread] { return thread != 0; });
            support::await_sleep(thread);
        }
    }
    std::thread sends([main_thread = support::kernel_id(), self = ::pthread_self()] {
        support::await_sleep(main_thread);
        ::pthread_kill(self, SIGINT);
    });
    if (where == "wait") background::wait();
    if (where == "get") background::get(plain);
    if (where == "plain_get") plain.get();
    if (where == "plain_wait") plain.wait();
    if (where == "shared_get") background::get(future);
    sends.join(); // of which the thread that sends it makes nothing
    return 1;
}
