// How tests wait for another thread and let it come. No yields in loops: where other programs want the processor, too,
// each of them gives a whole time slice away.
// SPDX-License-Identifier: MIT
#pragma once

#include <thread>

#ifndef _WIN32
#include <time.h> // nanosleep
#endif

namespace support {

/// Takes about as long as a yield when nobody else wants the processor.
inline void spin() {
    for (volatile int step = 0; step < 100; step = step + 1) {}
}

/// Lets others run: sleeps for some 50 microseconds, or until a signal comes.
inline void nap() {
#ifdef _WIN32 // where the shortest sleep is longer than a time slice
    std::this_thread::yield();
#else
    const timespec length{0, 50000};
    nanosleep(&length, nullptr);
#endif
}

/// Lets every other thread run for a while, so that what must not happen gets its chance to: naps at each tenth turn,
/// first at the second.
inline void give_way(int turns = 500) {
    for (int turn = 0; turn < turns; ++turn) turn % 10 == 1 ? nap() : spin();
}

/// Returns when `condition()` holds: a promise without a moment. A broken one hangs, and the runner's timeout says so.
template<typename Condition> void await(Condition condition) {
    for (int tries = 0; !condition(); ++tries) {
        if (tries < 200) {
            spin();
        } else {
            nap();
            tries = 200;
        }
    }
}

} // namespace support
