// A signal handler calls exit() on a worker. Where that has just been born the pool drains; where it is parked, waits
// in get() or for its slot, or is about to end, and on who starts one, nothing can be drained, and nothing hangs.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../failing_threads.hpp"
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

frame::gate door; // closed until the handler has been called
std::atomic<long> worker{0};
pthread_t worker_thread;

void remember_worker() {
    worker_thread = ::pthread_self();
    worker = support::kernel_id();
}
extern "C" void leave(int) {
    door.open();
    std::exit(130);
}
void interrupt_me() {
    support::at_birth = nullptr;
    support::at_death = nullptr;
    ::pthread_kill(::pthread_self(), SIGINT);
}
void finish_behind_door() {
    door.pass();
    frame::say("a job finished");
}

} // namespace

// interrupted_worker parked|get|resuming|first|second|retired|starter: the worker that is interrupted; the first and
// the second at birth; or who starts one
int main(int, char** words) {
    background::n = 2;
    std::signal(SIGINT, leave);
    std::promise<void> never;
    const std::string which = words[1];
    if (which == "parked") {
        background::run(remember_worker).get();
    } else if (which == "get") {
        background::run([awaited = never.get_future().share()] {
            remember_worker();
            background::get(awaited);
        });
        support::await([] { return worker != 0; });
    } else if (which == "resuming") {
        static frame::gate held;
        background::n = 1;
        std::promise<void> promise;
        background::run([awaited = promise.get_future().share()] {
            remember_worker();
            background::get(awaited);
        });
        background::run([] {
            held.open();
            support::await([] { return false; }); // keeps the slot for ever
        });
        held.pass();
        support::await_sleep(worker);
        promise.set_value();
        support::give_way(); // until it waits for the slot
    } else if (which == "starter") {
        background::detail::visitor = [](const char* place) {
            if (place == std::string("start")) interrupt_me();
        };
        background::run([] {});
    } else if (which == "first") {
        support::at_birth = interrupt_me;
        background::run([] {}); // is not submitted yet
    } else if (which == "second") {
        background::run(finish_behind_door);
        support::at_birth = interrupt_me;
        background::run(finish_behind_door);
    } else {
        std::promise<void> both;
        support::at_death = interrupt_me;
        auto one = background::run([met = both.get_future()] { met.wait(); });
        background::run([&both] { both.set_value(); }).get();
        one.get();
        background::n = 1;
    }
    if (worker != 0) {
        support::await_sleep(worker);
        ::pthread_kill(worker_thread, SIGINT);
    }
    for (;;) support::give_way();
}
