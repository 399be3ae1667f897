// What the two units of the child program globals have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include "../frame.hpp"

#include <background.hpp>

constexpr int jobs_per_unit = 5000;
enum state : int { unborn, alive, dead };

extern frame::gate leaving;
extern std::atomic<int> finished;
extern std::atomic<int> first_state;  // of the global of globals.cpp
extern std::atomic<int> second_state; // of the global of globals_2.cpp

class mortal {
public:
    explicit mortal(std::atomic<int>& state) : state_(state) { state_ = alive; }
    mortal(const mortal&) = delete;
    mortal& operator=(const mortal&) = delete;
    ~mortal() {
        state_ = dead;
        frame::demand(finished == 2 * jobs_per_unit, "no global dies before the jobs have finished");
    }

private:
    std::atomic<int>& state_;
};

inline bool submit_users() {
    for (int i = 0; i < jobs_per_unit; ++i) {
        background::run([] {
            leaving.pass();
            frame::demand(first_state == alive && second_state == alive, "a job may use any global");
            if (++finished == 2 * jobs_per_unit) frame::say("10000 jobs used both globals");
        });
    }
    return true;
}
