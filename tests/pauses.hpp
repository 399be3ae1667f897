// Stops a thread at a place of the header, for units that define BACKGROUND_TESTING.
// SPDX-License-Identifier: MIT
#pragma once

#include <background.hpp>

#include "waiting.hpp"

#include <atomic>
#include <string>

namespace pauses {

inline std::atomic<const char*> next_at{nullptr}; // the place where the next thread pauses, once
inline std::atomic<bool> reached{false};
inline std::atomic<bool> released{false};

inline void pause(const char* place) {
    const char* wanted = next_at;
    if (wanted == nullptr || std::string(wanted) != place) return;
    if (!next_at.compare_exchange_strong(wanted, nullptr)) return;
    reached = true;
    support::await([] { return released.load(); });
    reached = false;
    released = false;
}
inline const bool installed = (background::detail::visitor = &pause, true);

} // namespace pauses
