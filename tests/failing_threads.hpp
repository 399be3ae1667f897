// A pthread_create that fails where it is told to, or does more than is asked, for one unit of a program on Linux.
// SPDX-License-Identifier: MIT
#pragma once

#include "waiting.hpp"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include <dlfcn.h>
#include <pthread.h>

namespace support {

inline std::atomic<int> thread_starts{0};             // since the last order below
inline std::atomic<int> first_failing_start{INT_MAX}; // counted from 1
inline std::atomic<int> last_failing_start{INT_MAX};
inline std::atomic<bool> starters_linger{false}; // the new thread runs for a while before its starter goes on
inline std::atomic<bool> starters_stay{false};   // it runs until this is false again

/// What a new thread does first and last, if that is not null.
inline std::atomic<void (*)()> at_birth{nullptr};
inline std::atomic<void (*)()> at_death{nullptr};

struct thread_program {
    void* (*start)(void*);
    void* argument;
};
inline void* live(void* program) {
    const auto mine = *static_cast<thread_program*>(program);
    std::free(program);
    if (auto* const act = at_birth.load()) act();
    void* const result = mine.start(mine.argument);
    if (auto* const act = at_death.load()) act();
    return result;
}

/// The starts from `first` to `last`, counted from 1, will fail.
inline void fail_threads(int first, int last = INT_MAX) {
    first_failing_start = INT_MAX;
    thread_starts = 0;
    last_failing_start = last;
    first_failing_start = first;
}
inline void allow_threads() { first_failing_start = INT_MAX; }

} // namespace support

// Where a sanitizer is linked statically, as Clang does, the definition below hides its own: this is its other name.
extern "C" int __interceptor_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)
    __attribute__((weak));

// Another name in C++, so that no declaration of the system's headers has to be matched.
extern "C" __attribute__((visibility("default"), used)) int
failing_pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) __asm__("pthread_create");

extern "C" int failing_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                                      void* argument) {
    const int number = ++support::thread_starts;
    if (number >= support::first_failing_start && number <= support::last_failing_start) return EAGAIN;
    static const auto next = reinterpret_cast<decltype(&failing_pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
    const auto real = __interceptor_pthread_create ? &__interceptor_pthread_create : next;
    if (support::at_birth.load() || support::at_death.load()) {
        auto* const program = static_cast<support::thread_program*>(std::malloc(sizeof(support::thread_program)));
        if (program == nullptr) return EAGAIN;
        *program = {start, argument};
        const int outcome = real(thread, attributes, support::live, program);
        if (outcome != 0) std::free(program);
        return outcome;
    }
    const int outcome = real(thread, attributes, start, argument);
    if (support::starters_linger) support::give_way(100);
    support::await([] { return !support::starters_stay; });
    return outcome;
}
