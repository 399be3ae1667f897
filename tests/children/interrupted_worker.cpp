// A signal handler calls exit() on a worker that is parked, or waits in get(): nothing can be drained, nothing hangs.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <csignal>
#include <cstdlib>
#include <future>
#include <string>

#include <pthread.h>

#if SUPPORT_THREAD_SANITIZER
// exit() in a signal handler is what this is about, and it is no function for one. And the process ends at once, with
// threads that nobody has joined.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "report_signal_unsafe=0:report_thread_leaks=0"; }
#endif

namespace {

std::atomic<long> worker{0};
pthread_t worker_thread;

void remember_worker() {
    worker_thread = ::pthread_self();
    worker = support::kernel_id();
}
extern "C" void leave(int) { std::exit(130); }

} // namespace

// interrupted_worker parked|get
int main(int, char** words) {
    background::n = 2;
    std::signal(SIGINT, leave);
    std::promise<void> never;
    if (words[1] == std::string("parked")) {
        background::run(remember_worker).get();
    } else {
        background::run([awaited = never.get_future().share()] {
            remember_worker();
            background::get(awaited);
        });
        support::await([] { return worker != 0; });
    }
    support::await_sleep(worker);
    ::pthread_kill(worker_thread, SIGINT);
    for (;;) support::give_way();
}
