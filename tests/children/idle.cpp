// Who includes the header, uses n, callbacks, wait() and tasks, but submits nothing, has no worker; one job makes one.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <fstream>

#include <dirent.h>

namespace {

struct census {
    int threads = 0;
    int workers = 0;
};

census count() {
    census seen;
    DIR* tasks = ::opendir("/proc/self/task");
    frame::demand(tasks != nullptr, "the kernel lists the threads");
    while (const dirent* task = ::readdir(tasks)) {
        if (task->d_name[0] == '.') continue;
        std::string name;
        std::ifstream(std::string("/proc/self/task/") + task->d_name + "/comm") >> name;
        ++seen.threads;
        seen.workers += name == "background";
    }
    ::closedir(tasks);
    return seen;
}

const int before = count().threads; // a sanitizer may have some of its own

} // namespace

#include <background.hpp>

namespace {

// After the drain the kernel may still be clearing the last worker away.
struct witness {
    ~witness() {
        support::await([] { return count().workers == 0; });
        frame::say("no worker is left");
    }
};

} // namespace

int main() {
    background::n = 8;
    background::callback([](std::exception_ptr) {});
    const background::task work{[] {}};
    background::wait();
    frame::demand(background::pending() == 0 && background::n == 8, "nothing is pending");
    frame::demand(count().threads == before, "no thread starts before the first submission");
    work().get();
    background::wait();
    frame::demand(count().workers == 1, "one job needs one worker");
    static const witness last;
    return 7;
}
