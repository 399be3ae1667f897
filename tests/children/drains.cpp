// Other threads submit while the process ends and its pool drains: their jobs finish in order before static objects go.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <mutex>
#include <vector>

#if SUPPORT_THREAD_SANITIZER
// Where an inline job calls exit(), it may end the process before main, which drains, has joined the workers.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }
#endif

namespace {

constexpr int allowance = 64; // as many of their jobs are queued like all, at least

frame::gate holding; // the job that keeps the pool from closing runs
frame::gate door;    // and may end
frame::gate leaving; // main has returned
std::atomic<int> expected{0};
std::atomic<int> finished{0};
support::gauge room;
int slots = 1;
bool exits_twice = false; // then nobody says which thread destroys static objects, and when

struct witness {
    ~witness() {
        if (exits_twice) return;
        frame::demand(finished == expected, "what came before the close finishes before static objects die");
        frame::demand(room.most() <= slots, "never more than n jobs run at the same time");
        frame::say("all finished first");
    }
};

void visit() {
    room.enter();
    support::give_way(5);
    room.leave();
    ++finished;
}

// Submits as many jobs that must be queued, and whose order is checked where one thread submits to one slot.
void submit(int jobs, bool checks_order = false) {
    static std::atomic<int> next{0};
    for (int job = 0; job < jobs; ++job) {
        ++expected;
        background::run([job, checks_order] {
            frame::demand(!checks_order || next++ == job, "jobs start in the order of submission");
            visit();
        });
    }
}

// Submits jobs beyond what is queued: they may run at once, beside others, and finish all the same.
void flood(int jobs) {
    for (int job = 0; job < jobs; ++job) {
        ++expected;
        background::run([] { ++finished; });
    }
}

// The pool cannot close before `release` returns, which is called in the job that main's end finds running. Meanwhile
// `work` runs on a thread of its own, when main sleeps because it drains.
template<class Work, class Release> void while_draining(Work work, Release release) {
    ++expected;
    background::run([release] {
        room.enter();
        holding.open();
        release();
        room.leave();
        ++finished;
    });
    holding.pass();
    std::thread([work, main_thread = support::kernel_id()] {
        leaving.pass();
        support::await_sleep(main_thread);
        work();
    }).detach();
}

void pass_door() { door.pass(); }

} // namespace

// drains <n> <situation>
int main(int, char** words) {
    slots = std::atoi(words[1]);
    background::n = slots;
    const std::string situation = words[2];
    static const witness last;
    static std::mutex mutex;
    static std::atomic<bool> over{false};
    if (situation == "in_order") {
        while_draining(
            [] {
                submit(allowance, true);
                door.open();
            },
            pass_door);
    }
    if (situation == "threads") { // together they submit what is queued
        while_draining(
            [] {
                std::vector<std::thread> submitters;
                for (int i = 0; i < 4; ++i) submitters.emplace_back([] { submit(allowance / 4); });
                for (auto& submitter : submitters) submitter.join();
                door.open();
            },
            pass_door);
    }
    if (situation == "of_jobs") { // what workers submit is queued whatever their number
        while_draining(pass_door, [] { submit(10 * allowance, slots == 1); });
        door.open();
    }
    if (situation == "beyond") {
        while_draining(
            [] {
                submit(allowance);
                flood(1000);
                door.open();
            },
            pass_door);
    }
    if (situation == "inline_last") { // the last job of all begins before the close, and runs inline
        while_draining(
            [] {
                submit(allowance);
                flood(1000);
                ++expected;
                background::run([] {
                    door.open();
                    support::give_way(1000);
                    ++finished;
                });
            },
            pass_door);
    }
    if (situation == "inline_waited_for") { // by a thread that is told when the queued jobs have finished
        static std::atomic<long> waiter{0};
        while_draining(
            [] {
                submit(allowance);
                flood(1000);
                ++expected;
                background::run([] {
                    std::thread([] {
                        waiter = support::kernel_id();
                        background::wait();
                        frame::demand(finished == expected, "wait() waits for a job that runs inline");
                    }).detach();
                    support::await([] { return waiter != 0; });
                    support::await_sleep(waiter);
                    door.open();
                    support::give_way(1000);
                    ++finished;
                });
            },
            pass_door);
    }
    if (situation == "job_awaits_thread") {
        while_draining(
            [] {
                submit(allowance);
                flood(1000);
                over = true;
            },
            [] { support::await([] { return over.load(); }); });
    }
    if (situation == "job_awaits_mutex") {
        static frame::gate locked;
        while_draining(
            [] {
                const std::lock_guard<std::mutex> lock{mutex};
                locked.open();
                submit(allowance);
                flood(1000);
            },
            [] {
                locked.pass();
                const std::lock_guard<std::mutex> lock{mutex};
            });
    }
    if (situation == "job_gets_late_job") { // a future of a job that came while the pool drains
        static std::promise<std::shared_future<int>> promise;
        while_draining(
            [] {
                ++expected;
                auto late = background::run([] { return visit(), 42; });
                promise.set_value(late.share());
            },
            [] {
                room.leave();
                const auto late = background::get(promise.get_future());
                frame::demand(background::get(late) == 42, "a job may wait for a late one");
                room.enter();
            });
    }
    if (situation == "exits_inline") {
        exits_twice = true;
        while_draining(
            [] {
                submit(allowance);
                flood(1000);
                background::run([] {
                    door.open();
                    std::exit(7);
                });
            },
            pass_door);
    }
    thread_local const frame::opener opener{leaving};
    return 7;
}
