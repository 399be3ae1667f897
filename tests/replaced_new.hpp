// operator new and delete that fail where they are told to, count, and do more than is asked.
// SPDX-License-Identifier: MIT
#pragma once

#include "support.hpp"

#include <atomic>
#include <cstdint>

#if defined(__clang__) && SUPPORT_THREAD_SANITIZER
#define SUPPORT_REPLACED_NEW 0 // there ThreadSanitizer's own is linked into the program and cannot be replaced
#else
#define SUPPORT_REPLACED_NEW 1
#endif

namespace support {

inline std::atomic<int> refusals_ended{0}; // what threads have been refused before is theirs again

struct memory_of_this_thread {
    long asked_for = 0; // how often, ever
    long fails_in = 0;  // the allocation that fails, counted from 1; 0: none
    bool has_failed = false;
    int refused_from = -1; // of refusals_ended: as long as that stays, every allocation fails
    std::uint32_t random = 0;

    void refuse(bool every) { refused_from = every ? refusals_ended.load() : -1; }
    bool refused() const { return refused_from == refusals_ended; }
};
extern thread_local memory_of_this_thread memory;

inline std::atomic<std::uint32_t> refused_in_all{
    0};                                           // of how many allocations, on any thread, one fails at random; or 0
inline std::atomic<std::uint32_t> next_random{1}; // where the next thread's random numbers begin

inline std::atomic<void (*)()> at_every_call{nullptr}; // what each of them does besides, if that is not null

inline std::atomic<long> live_bytes{0};
inline std::atomic<long> peak_bytes{0};

} // namespace support
