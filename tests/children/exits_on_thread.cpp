// A thread that is neither main's nor a worker calls exit(7): what is queued finishes before the process ends.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

namespace {

constexpr int jobs = 1000;
frame::gate leaving;
std::atomic<int> finished{0};

void submit() {
    for (int i = 0; i < jobs; ++i) {
        background::run([] {
            leaving.pass();
            if (++finished == jobs) frame::say("1000 jobs finished");
        });
    }
}

} // namespace

// exits_on_thread <n> main|thread: who submits
int main(int, char** words) {
    background::n = std::atoi(words[1]);
    const bool here = words[2] == std::string("main");
    if (here) submit();
    std::thread([here] {
        if (!here) submit();
        std::atexit([] { leaving.open(); }); // handlers run in reverse order: this one before any of the library
        std::exit(7);
    }).join();
}
