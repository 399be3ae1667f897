// quick_exit(), _Exit() and abort(), with a job running and others queued: nothing is drained and nothing hangs.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

namespace {

void end(const std::string& how) {
    if (how == "_Exit") std::_Exit(7);
    if (how == "abort") std::abort();
#ifndef _WIN32
    if (how == "quick_exit") std::quick_exit(7);
#endif
}

struct witness {
    ~witness() { frame::say("a static object was destroyed"); }
};
const witness unseen;

} // namespace

// ends_at_once main|task|thread _Exit|quick_exit|abort
int main(int, char** words) {
    static const std::string how = words[2];
    const std::string where = words[1];
    background::n = 2;
    frame::gate running;
    const frame::gate never;
    background::run([&running, &never] {
        running.open();
        never.pass();
    });
    running.pass();
    frame::gate submitted;
    if (where == "task") {
        background::run([&submitted] {
            submitted.pass();
            end(how);
        });
    } else {
        background::run([&never] { never.pass(); });
    }
    for (int i = 0; i < 1000; ++i) background::run([] { frame::say("a queued job ran"); });
    submitted.open();
    if (where == "main") end(how);
    if (where == "thread") std::thread([] { end(how); }).join();
    never.pass();
}
