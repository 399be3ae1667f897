// A signal handler calls exit() at one instruction after the other of a call, on the main thread, each in a process of
// its own: all of them end.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int processes = 200;      // about: one in so many instructions is tried
constexpr long single_step = 0x100; // the processor's flag: a SIGTRAP after each instruction
long chosen = 0;
std::atomic<long>* instructions; // shared by all processes
frame::gate door;

void begin_stepping() { __asm__ __volatile__("pushfq; orq $0x100, (%%rsp); popfq" ::: "cc", "memory"); }
void end_stepping() { __asm__ __volatile__("pushfq; andq $~0x100, (%%rsp); popfq" ::: "cc", "memory"); }

extern "C" void count(int, siginfo_t*, void* interrupted) {
    const bool on_main = support::kernel_id() == ::getpid(); // new threads inherit the flag
    if (on_main && ++*instructions != chosen) return;
    static_cast<ucontext_t*>(interrupted)->uc_mcontext.gregs[REG_EFL] &= ~single_step;
    if (!on_main) return;
    door.open();
    std::exit(7);
}

/// Dies before the pool drains. Amid a call of the pool, which the handler has interrupted, none other can be made.
struct last_caller {
    ~last_caller() {
        if (background::detail::inside::depth() == 0) background::run([] {}).get();
    }
};

/// So large that malloc and free take the lock of its arena, which is main's.
struct large_job {
    std::array<char, 5000> room{};
    void operator()() const { door.pass(); }
};

/// The child: ends with 7 at the chosen instruction, if that is one of the call's, and else behind it.
void call(const std::string& what) {
    const bool waits = what == "wait";
    ::alarm(50);
    background::n = what == "large" ? 1 : 2; // no thread is started while main is stepping: that blocks SIGTRAP
    std::atomic<long> worker{0};
    background::run([&] { worker = support::kernel_id(); }).get();
    support::await_sleep(worker); // parked
    static thread_local last_caller caller;
    static_cast<void>(caller);
    if (waits) background::run([] { door.pass(); });
    std::thread opener([waits] {
        if (!waits) return;
        support::await_sleep(::getpid()); // main is in wait()
        door.open();
    });
    struct sigaction counts {};
    counts.sa_sigaction = count;
    counts.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigaction(SIGTRAP, &counts, nullptr);
    if (what == "large") background::run(large_job{}); // to be freed while main is amid malloc for the next one
    begin_stepping();
    if (waits)
        background::wait();
    else if (what == "submit")
        background::run([] { door.pass(); });
    else
        background::run(large_job{});
    end_stepping();
    door.open();
    opener.join();
    std::exit(7);
}

} // namespace

// any_instruction submit|wait|large: the call
int main(int, char** words) {
    instructions = static_cast<std::atomic<long>*>(
        ::mmap(nullptr, sizeof(*instructions), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    long all = 0;
    do {
        *instructions = 0;
        const auto child = ::fork();
        if (child == 0) call(words[1]);
        ::alarm(60);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) {
            frame::say("broken: it ends with 7 at instruction " + std::to_string(chosen));
            return 99;
        }
        if (all == 0) all = *instructions;
        chosen += 1 + all / processes;
    } while (chosen <= all);
    frame::demand(all > 100, "the instructions are counted");
    return 7;
}
