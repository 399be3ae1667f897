// A job that comes when the pool has closed is counted in and out again, and runs inline: wait() does not wait for it,
// and no worker is started for it.
// SPDX-License-Identifier: MIT
#include "../pauses.hpp"
#include "frame.hpp"

namespace {

std::atomic<bool> ran{false};

void start_none(const char* place) {
    frame::demand(place != std::string("start"), "no worker is started when the pool has closed");
    pauses::pause(place);
}

const struct ends_late {
    ~ends_late() {
        background::detail::visitor = start_none;
        pauses::next_at = "counted"; // in, and not out again
        std::thread late([] { background::run([] { ran = true; }); });
        support::await([] { return pauses::reached.load(); });
        background::n = 3; // which sees to it that what is queued is taken
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
