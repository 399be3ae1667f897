// The only worker there is calls exit(7) in a task, and no thread can be had for the jobs behind it, once or for good.
// SPDX-License-Identifier: MIT
#include "../failing_threads.hpp"
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <climits>
#include <string>
#include <system_error>

namespace {

constexpr int others = 1000;
std::atomic<int> finished{0};
std::atomic<int> finished_elsewhere{0};
std::atomic<int> refused{0};

struct witness {
    ~witness() {
        frame::demand(finished == others, "the other jobs finish before static objects die");
        frame::demand(finished_elsewhere == 0 || finished_elsewhere == others, "one thread runs them all");
        if (refused != 0) frame::say("get() in a task was refused");
        frame::say("1000 jobs finished on " + std::string(finished_elsewhere == 0 ? "the exiting" : "another") +
                   " thread");
    }
};

// With n == 1 one job resumes and others are queued when the third exits: whoever runs them, one runs at a time.
[[noreturn]] void while_resuming() {
    static support::gauge room;
    static const struct alone {
        ~alone() {
            frame::demand(room.most() == 1, "with n == 1 one job runs at a time");
            frame::demand(finished == others, "the queued jobs finish before static objects die");
            frame::demand(background::pending() <= 3, "no job is counted twice"); // some may wait, one exits
            frame::say("one at a time");
        }
    } last;
    static const auto visit = [] {
        room.enter();
        support::give_way(100);
        room.leave();
    };
    static std::promise<void> promise;
    frame::gate submitted;
    background::run([&submitted] { submitted.pass(); });
    background::run([] {
        background::get(promise.get_future());
        visit();
    });
    background::run([] {
        support::fail_threads(1);
        std::exit(7);
    });
    background::run([] {
        promise.set_value();
        visit();
        ++finished;
    });
    for (int i = 1; i < others; ++i) {
        background::run([i] {
            if (i % 50 == 0) {
                auto inner = background::run(visit);
                try {
                    background::get(inner);
                } catch (const std::system_error&) {
                    ++refused;
                }
            }
            if (i % 10 == 0) visit();
            ++finished;
        });
    }
    submitted.open();
    background::wait();
    std::_Exit(1);
}

} // namespace

// exits_alone fails|fails_once|fails_and_gets|fails_for_a_while|fails_while_resuming
int main(int, char** words) {
    background::n = 1;
    if (words[1] == std::string("fails_while_resuming")) while_resuming();
    background::run([] {}).get();
    static const witness last;
    static std::thread::id exiting;
    frame::gate submitted;
    background::run([&submitted] {
        exiting = std::this_thread::get_id();
        submitted.pass();
        std::exit(7);
    });
    if (words[1] == std::string("fails_and_gets")) {
        background::run([] {
            auto queued = background::run([] {});
            try {
                background::get(queued);
            } catch (const std::system_error&) {
                ++refused;
            }
        });
    }
    if (words[1] == std::string("fails_for_a_while")) { // the exiting thread could wait here, and exit() below it
        background::run([] {
            static std::promise<void> never;
            support::allow_threads();
            try {
                background::get(never.get_future());
            } catch (const std::system_error&) {
                ++refused;
            }
        });
    }
    for (int i = 0; i < others; ++i) {
        background::run([] {
            finished_elsewhere += std::this_thread::get_id() != exiting;
            ++finished;
        });
    }
    support::fail_threads(1, words[1] == std::string("fails_once") ? 1 : INT_MAX);
    submitted.open();
    background::wait();
    return 1;
}
