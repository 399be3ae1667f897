// Threads that never stop submitting cannot keep the process from ending, nor does it end amid what it began before.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

namespace {

frame::gate flooding;
std::atomic<int> finished{0};

struct witness {
    ~witness() {
        frame::demand(finished == 1000, "what main submitted finishes first");
        frame::say("it ends");
    }
};

} // namespace

// floods <n> gets|drops: what the threads do with the futures
int main(int, char** words) {
    background::n = std::atoi(words[1]);
    static const bool gets = words[2] == std::string("gets");
    static const witness last;
    static std::atomic<int> rounds{0};
    for (int thread = 0; thread < 4; ++thread) {
        std::thread([] {
            for (;;) {
                auto future = background::run(support::give_way, 1);
                if (gets) future.get();
                if (!gets) support::await([] { return background::pending() <= 5000; });
                if (++rounds == 1000) flooding.open();
            }
        }).detach();
    }
    flooding.pass();
    for (int job = 0; job < 1000; ++job) background::run([] { ++finished; });
    return 7;
}
