// What happens between the test cases of one process, as when a program is run by hand; under ctest each has its own.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace support {

inline int started_cases = 0;      // in this process
inline std::string current_case{}; // the name of the last

inline std::vector<void (*)()>& actions_between_cases() {
    static std::vector<void (*)()> actions;
    return actions;
}

/// Has `action` done before every test case but the first of a process.
inline bool between_cases(void (*action)()) {
    actions_between_cases().push_back(action);
    return true;
}

} // namespace support
