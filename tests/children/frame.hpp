// What the child programs share: a time limit, words for whoever started them, and gates in place of sleeps.
// SPDX-License-Identifier: MIT
#pragma once

#include "../waiting.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX 1 // as libstdc++ says, too
#include <windows.h>
#else
#include <unistd.h>
#endif

namespace frame {

// A child that hangs dies of SIGALRM, or exits with a code, which no outcome expects. (A test that hangs: see ctest.)
constexpr unsigned seconds_to_live = 60;
inline bool arm() {
#ifdef _WIN32
    static ::HANDLE timer = nullptr;
    const auto end = [](void*, ::BOOLEAN) { std::_Exit(98); };
    return ::CreateTimerQueueTimer(&timer, nullptr, end, nullptr, seconds_to_live * 1000, 0, WT_EXECUTEONLYONCE) != 0;
#else
    ::alarm(seconds_to_live);
    return true;
#endif
}
inline const bool armed = arm();

inline void say(const std::string& words) {
    std::fputs((words + "\n").c_str(), stdout);
    std::fflush(stdout);
}

// Ends the child at once where a promise is broken.
inline void demand(bool kept, const char* promise) {
    if (kept) return;
    say(std::string("broken: ") + promise);
    std::_Exit(99);
}

// Constant-initialised and never destroyed: of use to static constructors and destructors.
class gate {
public:
    void open() { open_.store(true); }
    void pass() const {
        support::await([this] { return open_.load(); });
    }

private:
    std::atomic<bool> open_{false};
};

// Opens a gate when its thread's thread-local objects die. They do so in the reverse order of their construction, so an
// opener made after the first submission dies before the pool drains: what waits at the gate is still there by then.
// With libstdc++ on MinGW, where they die last of all, the gate is open from the start: make the opener last.
class opener {
public:
    explicit opener(gate& door) : door_(door) {
#if defined(__MINGW32__) && defined(__GLIBCXX__)
        door_.open();
#endif
    }
    opener(const opener&) = delete;
    opener& operator=(const opener&) = delete;
    ~opener() { door_.open(); }

private:
    gate& door_;
};

} // namespace frame
