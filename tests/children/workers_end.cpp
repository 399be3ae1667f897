// Before the first static destructor every worker has ended: parked or retiring, its thread-local objects are gone.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

namespace {

std::atomic<int> arrived{0};
std::atomic<int> born{0};
std::atomic<int> died{0};
std::atomic<int> finished{0};
int expected = 0;

struct witness {
    ~witness() {
        frame::demand(born == expected, "as many workers as jobs at the same time");
        frame::demand(died == expected, "thread-local objects of workers die before static objects");
        frame::demand(finished == expected, "what they submitted while dying has finished too");
        frame::say("all workers ended first");
    }
};
const witness before_all;

struct local {
    local() { ++born; }
    ~local() {
        background::run([] { ++finished; });
        ++died;
    }
    void use() const {}
};

// Ends only when as many jobs run at the same time: so many workers there are.
void meet() {
    thread_local const local mine;
    mine.use();
    ++arrived;
    support::await([] { return arrived == expected; });
}

} // namespace

// workers_end <n> busy|parked|retiring|in_task: how exit finds the workers
int main(int, char** words) {
    expected = std::atoi(words[1]);
    background::n = expected;
    for (int i = 0; i < expected; ++i) background::run(meet);
    static const witness after_all;
    const std::string how = words[2];
    if (how == "parked") background::wait();
    if (how == "retiring") {
        background::wait();
        background::n = 1;
    }
    if (how == "in_task") {
        background::wait();
        background::run([] { std::exit(7); }).get();
    }
    return 7;
}
