// Workers have the name "background" and the signal mask of the thread that submitted; main keeps its own name.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

#include <csignal>
#include <string>

#include <pthread.h>

namespace {

std::string thread_name() {
    char name[64] = "";
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    return name;
}

// One character for each signal: whether it is blocked on this thread.
std::string blocked_signals() {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    std::string blocked;
    for (int signal = 1; signal < 32; ++signal) blocked += sigismember(&mask, signal) == 1 ? 'x' : '.';
    return blocked;
}

} // namespace

// inherits blocked|unblocked: whether main blocks a signal before its first submission
int main(int, char** words) {
    const std::string name = thread_name();
    if (words[1] == std::string("blocked")) {
        sigset_t mask;
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR1);
        ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
    }
    const std::string mask = blocked_signals();
    background::n = 4;
    std::atomic<int> arrived{0};
    for (int i = 0; i < 4; ++i) {
        background::run([&arrived, &mask] {
            frame::demand(thread_name() == "background", "a worker carries the name background");
            frame::demand(blocked_signals() == mask, "a worker has the signal mask of who submitted");
            ++arrived;
            support::await([&arrived] { return arrived == 4; });
        });
    }
    background::wait();
    frame::demand(thread_name() == name && name != "background", "main keeps its name");
    frame::demand(blocked_signals() == mask, "main keeps its signal mask");
    return 7;
}
