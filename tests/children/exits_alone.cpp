// The only worker there is calls exit(7) in a task, and no thread can be had for the jobs behind it, once or for good.
// SPDX-License-Identifier: MIT
#include "../failing_threads.hpp"
#include "frame.hpp"

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

} // namespace

// exits_alone fails|fails_once|fails_and_gets
int main(int, char** words) {
    background::n = 1;
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
