// Ends main by return or exit() with 10000 jobs queued: all of them run before the first static destructor.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

namespace {

constexpr int jobs = 10000;
frame::gate leaving;
std::atomic<int> finished{0};

struct witness {
    ~witness() { frame::demand(finished == jobs, "a static object outlives the jobs"); }
};
const witness before_all;

void submit() {
    for (int i = 0; i < jobs; ++i) {
        background::run([] {
            leaving.pass();
            if (++finished == jobs) frame::say("10000 jobs finished");
        });
    }
}

} // namespace

// returns <n> return|exit [thread]: where main itself submits nothing
int main(int count, char** words) {
    background::n = std::atoi(words[1]);
    count < 4 ? submit() : std::thread(submit).join();
    static const witness after_all;
    thread_local const frame::opener opener{leaving};
    if (words[2] == std::string("exit")) std::exit(7);
    return 7;
}
