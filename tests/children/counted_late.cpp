// wait() does not wait for a job that came when the pool had closed: it is counted in and out again, and runs inline.
// SPDX-License-Identifier: MIT
#include "../pauses.hpp"
#include "frame.hpp"

namespace {

std::atomic<bool> ran{false};

const struct ends_late {
    ~ends_late() {
        pauses::next_at = "late"; // its job counts, and the pool has closed
        std::thread late([] { background::run([] { ran = true; }); });
        support::await([] { return pauses::reached.load(); });
        background::wait();
        std::thread([] { background::wait(); }).join();
        pauses::released = true;
        late.join();
        frame::demand(ran, "the late job has run");
        frame::say("nobody waited for ever");
    }
} last;

} // namespace

int main() {
    background::run([] {}).get();
    return 7;
}
