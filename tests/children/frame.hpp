// What the child programs share: a time limit, words for whoever started them, and gates in place of sleeps.
// SPDX-License-Identifier: MIT
#pragma once

#include "../waiting.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace frame {

// A child that hangs dies of SIGALRM, or exits with a code, which no outcome expects.
inline bool arm() {
#ifdef _WIN32
    std::thread([] {
        std::this_thread::sleep_for(std::chrono::seconds(60));
        std::_Exit(98);
    }).detach();
#else
    ::alarm(60);
#endif
    return true;
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
