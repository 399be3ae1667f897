// Where the paused copy of the header waits: see CMakeLists.txt for the places.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>

namespace background::detail {
bool pause_at(int place); // false, so that it may stand in a condition
}

namespace pauses {

inline std::atomic<int> next_at{0}; // the place where the next thread pauses, once
inline std::atomic<bool> reached{false};
inline std::atomic<bool> released{false};

} // namespace pauses

inline bool background::detail::pause_at(int place) {
    if (!pauses::next_at.compare_exchange_strong(place, 0)) return false;
    pauses::reached = true;
    while (!pauses::released) std::this_thread::yield();
    pauses::reached = false;
    pauses::released = false;
    return false;
}
