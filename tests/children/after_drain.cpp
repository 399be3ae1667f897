// Static destructors of two units submit when the pool has drained: each job runs inline, on the calling thread.
// SPDX-License-Identifier: MIT
#include "units/after_drain.hpp"

std::atomic<int> called{0};

namespace {

const submits_late first{"first"};

} // namespace

// after_drain unused|used|in_task: whether the pool has ever run a job, and whether a job calls exit()
int main(int, char** words) {
    background::callback([](std::exception_ptr) { ++called; });
    const std::string how = words[1];
    if (how == "used") background::run([] {}).get();
    static const submits_late last{"last"};
    if (how == "in_task") background::run([] { std::exit(7); }).get();
    return 7;
}
