// A job makes a function-local static object, before or during the drain; all later jobs find it alive.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

namespace {

constexpr int jobs = 10000;
frame::gate leaving;
std::atomic<int> finished{0};
std::atomic<int> living{0};

struct counted {
    counted() { ++living; }
    ~counted() {
        --living;
        frame::demand(finished == jobs, "a static object made in a job outlives the jobs");
    }
    void use() const { frame::demand(living == 2, "a job may use what another one made"); }
};

void use_both() {
    static const counted early;
    leaving.pass();
    static const counted late;
    early.use();
    late.use();
    if (++finished == jobs) frame::say("10000 jobs used both objects");
}

} // namespace

// local_static <n>
int main(int, char** words) {
    background::n = std::atoi(words[1]);
    for (int i = 0; i < jobs; ++i) background::run(use_both);
    thread_local const frame::opener opener{leaving};
    return 0;
}
