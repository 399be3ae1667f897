// Other libraries' fork handlers, older and younger than the pool's, lock and submit and wait around every fork.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <string>
#include <vector>

#include <pthread.h>
#include <sys/wait.h>

namespace {

// What such a library keeps sane over a fork, as POSIX recommends, and what it does besides.
pthread_mutex_t of_older = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t of_younger = PTHREAD_MUTEX_INITIALIZER;
bool submits = false;
bool waits = false;
std::atomic<int> used{0};

void use_pool() {
    if (submits) frame::demand(background::run([] { return ++used; }).get() > 0, "a handler may wait in get()");
    static_cast<void>(background::pending());
}

// The older one's handler comes last before the fork and first after it: nobody submits who has a lock of the two.
[[gnu::constructor(101)]] void install_older() { // before the header's own initialisers
    ::pthread_atfork(
        [] {
            ::pthread_mutex_lock(&of_older);
            use_pool();
            if (waits) background::wait();
        },
        [] {
            use_pool();
            if (waits) background::wait();
            ::pthread_mutex_unlock(&of_older);
        },
        [] { ::pthread_mutex_unlock(&of_older); });
}

void install_younger() {
    ::pthread_atfork(
        [] {
            ::pthread_mutex_lock(&of_younger);
            use_pool();
        },
        [] {
            use_pool();
            ::pthread_mutex_unlock(&of_younger);
        },
        [] {
            use_pool(); // the pool's own handler has run
            ::pthread_mutex_unlock(&of_younger);
        });
}

} // namespace

// fork_handlers <n> locks|submits|waits
int main(int, char** words) {
    background::n = std::atoi(words[1]);
    install_younger();
    background::run([] {}).get();
    submits = words[2] != std::string("locks");
    waits = words[2] == std::string("waits");
    std::atomic<bool> over{false};
    std::vector<std::thread> loggers;
    for (pthread_mutex_t* const mutex : {&of_older, &of_younger}) {
        loggers.emplace_back([mutex, &over] {
            while (!over) {
                ::pthread_mutex_lock(mutex);
                background::run([] {}).get();
                ::pthread_mutex_unlock(mutex);
                support::give_way(2);
            }
        });
    }
    constexpr int forks = support::times(300);
    for (int i = 0; i < forks; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            support::begin_child();
            ::alarm(60);
            if (SUPPORT_THREAD_SANITIZER) ::_exit(42); // supports no new threads here
            frame::demand(background::run([] { return 41; }).get() == 41, "the child's pool works");
            background::wait();
            frame::demand(background::pending() == 0, "and is empty");
            std::exit(42);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        frame::demand(WIFEXITED(status) && WEXITSTATUS(status) == 42, "the child works and ends");
    }
    over = true;
    for (auto& logger : loggers) logger.join();
    frame::demand(background::run([] { return 43; }).get() == 43, "the parent's pool works");
    return 7;
}
