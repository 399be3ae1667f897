// Two units submit before main and use each other's globals after it: whichever global is made last, it still lives.
// SPDX-License-Identifier: MIT
#include "units/globals.hpp"

frame::gate leaving;
std::atomic<int> finished{0};
std::atomic<int> first_state{unborn};
std::atomic<int> second_state{unborn};

namespace {

const mortal first{first_state};
const bool submitted = submit_users();

} // namespace

int main() {
    thread_local const frame::opener opener{leaving};
    return 0;
}
