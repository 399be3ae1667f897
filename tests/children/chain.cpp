// A chain of 1000 jobs, each of which submits the next, begins when the process is already ending.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

namespace {

constexpr int links = 1000;
frame::gate leaving;
std::atomic<int> finished{0};

struct witness {
    ~witness() { frame::demand(finished == links, "a static object outlives what the drain submits"); }
};

void link_up(int left) {
    leaving.pass();
    ++finished;
    if (left > 1) return static_cast<void>(background::run(link_up, left - 1));
    frame::say("1000 links finished");
}

[[noreturn]] void leave() {
    thread_local const frame::opener opener{leaving};
    std::exit(7);
}

} // namespace

// chain <n> main|task
int main(int, char** words) {
    background::n = std::atoi(words[1]);
    if (words[2] == std::string("main")) {
        background::run(link_up, links);
        static const witness last;
        leave();
    }
    static const witness last;
    frame::gate submitted;
    auto exiting = background::run([&submitted] {
        submitted.pass();
        leave();
    });
    background::run(link_up, links);
    submitted.open();
    exiting.get();
}
