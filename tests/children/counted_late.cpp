// wait() does not wait for a job that is counted in and out again while the process ends: it runs inline.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../pauses.hpp"

#include <background.hpp>

namespace {

std::atomic<bool> ran{false};
std::thread late, waits;

const struct ends_late {
    ~ends_late() {
        pauses::next_at = 3; // late has seen the queue open, and now it is closed
        pauses::released = true;
        while (!pauses::reached || pauses::released) std::this_thread::yield();
        waits = std::thread([] { background::wait(); }); // sees a job
        for (int turn = 0; turn < 2000; ++turn) std::this_thread::yield();
        pauses::released = true;
        late.join();
        waits.join();
        frame::demand(ran, "the late job has run");
        frame::say("nobody waited for ever");
    }
} last;

} // namespace

int main() {
    background::run([] {}).get();
    pauses::next_at = 2;
    late = std::thread([] { background::run([] { ran = true; }); });
    while (!pauses::reached) std::this_thread::yield();
    return 7;
}
