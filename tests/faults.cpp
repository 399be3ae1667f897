// What Linux may do to a program: refuse threads, strike it with signals, stop it, set its clock.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "child.hpp"
#include "support.hpp"

#include <csignal>
#include <random>
#include <string>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using child::exited;
using child::run;

namespace {

// A child that says so was denied what it needs to try a limit.
void check_under_limit(const std::string& words) {
    const child::outcome ended = run("limits", words);
    const std::string skipped = "skipped: ";
    if (ended.code == 0 && ended.output.compare(0, skipped.size(), skipped) == 0)
        WARN(words << ": " << ended.output);
    else
        CHECK(ended == exited(7));
}

// Stops a child; again after a while, as a stop was seen to get lost in the kernel: the child ran on.
bool stops(pid_t child, int& status) {
    for (int tries = 0;; ++tries) {
        if (tries % 1000 == 0) ::kill(child, SIGSTOP);
        const pid_t changed = ::waitpid(child, &status, WUNTRACED | WNOHANG);
        if (changed != 0) return changed == child && WIFSTOPPED(status);
        support::nap();
    }
}

} // namespace

TEST_CASE("Where the kernel refuses threads calls throw or jobs run until it gives them again") {
    const auto words = GENERATE(as<std::string>{}, "carry_on", "storm", "leave", "leave_in_task");
    check_under_limit("threads " + words);
}

#if !SUPPORT_THREAD_SANITIZER && !SUPPORT_ADDRESS_SANITIZER // they map memory of their own and cannot do without
TEST_CASE("Where the kernel refuses memory for stacks calls throw or jobs run until it gives it again") {
    const auto words = GENERATE(as<std::string>{}, "carry_on", "storm", "leave", "leave_in_task");
    check_under_limit("memory " + words);
}
#endif

TEST_CASE("Signals that interrupt every thread all the time lose no job and no wake-up") {
    CHECK(run("signals") == exited(7));
}

TEST_CASE("A process that is stopped and continued under load goes on and ends as any other") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], 0);
        const std::string path = std::string(CHILDREN) + "/child_stopped";
        ::execl(path.c_str(), path.c_str(), nullptr);
        ::_exit(98);
    }
    ::close(ends[1]);
    int status = 0;
    const unsigned seed = support::seed();
    std::minstd_rand random{seed};
    const int rounds = support::times(100);
    int answers = 0;
    for (int round = 0; round < rounds; ++round) {
        char byte = '?';
        if (::send(ends[0], &byte, 1, MSG_NOSIGNAL) != 1) break;
        support::give_way(static_cast<int>(random() % 20));
        if (!stops(child, status)) break;
        ::kill(child, SIGCONT);
        if (::waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status)) break;
        answers += ::read(ends[0], &byte, 1) == 1;
    }
    ::close(ends[0]);
    CHECK(answers == rounds);
    if (answers == rounds) ::waitpid(child, &status, 0);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7));
}

TEST_CASE("A clock that is set to and fro matters to nobody who waits") { CHECK(run("clock") == exited(7)); }

TEST_CASE("Neither operator new nor operator delete is called under a lock of the library") {
    const auto words = GENERATE(as<std::string>{}, "refused", "blocked", "not_needed", "dropped");
    CHECK(run("asks_pending", words) == exited(7));
}

TEST_CASE("Many first submissions at once start no more workers than there are slots") {
    const auto words = GENERATE(as<std::string>{}, "1 submit", "3 submit", "8 submit");
    for (int round = 0; round < 10; ++round) REQUIRE(run("stampede", words) == exited(7));
}

TEST_CASE("Jobs that block at once start no more workers than are needed in their place") {
    const auto words = GENERATE(as<std::string>{}, "1 block", "3 block", "8 block", "64 block");
    for (int round = 0; round < 10; ++round) REQUIRE(run("stampede", words) == exited(7));
}

#if !SUPPORT_THREAD_SANITIZER && !SUPPORT_ADDRESS_SANITIZER // they have locks of their own that know of no priorities
TEST_CASE("Threads of different priorities cannot lock each other out") {
    const child::outcome ended = run("priorities");
    if (ended.code == 0 && ended.output.compare(0, 9, "skipped: ") == 0)
        WARN(ended.output);
    else
        CHECK(ended == exited(7));
}
#endif
