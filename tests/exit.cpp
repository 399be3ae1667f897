// How a process ends: what is queued finishes first, whoever leaves, and late calls run inline.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "child.hpp"
#include "support.hpp"

#include <csignal>
#include <string>

// With libstdc++ on MinGW exit() destroys the calling thread's thread-local objects after static ones.
#if defined(__MINGW32__) && defined(__GLIBCXX__)
#define THREAD_LOCALS_DIE_LAST 1
#else
#define THREAD_LOCALS_DIE_LAST 0
#endif

using child::exited;
using child::killed;
using child::run;

TEST_CASE("every submitted job finishes before main's return destroys static objects") {
    for (const char* words : {"1 return", "4 return", "64 return", "1 return thread", "4 return thread"}) {
        CHECK(run("returns", words) == exited(7, "10000 jobs finished\n"));
    }
}

TEST_CASE("every submitted job finishes before exit() on the main thread destroys static objects") {
    for (const char* words : {"1 exit", "4 exit", "4 exit thread"}) {
        CHECK(run("returns", words) == exited(7, "10000 jobs finished\n"));
    }
}

TEST_CASE("a job may use a global of another unit that was made after the first submission") {
    CHECK(run("globals") == exited(0, "10000 jobs used both globals\n"));
}

TEST_CASE("a job may use a function-local static object that an earlier job made") {
    for (const char* n : {"1", "4"}) CHECK(run("local_static", n) == exited(0, "10000 jobs used both objects\n"));
}

TEST_CASE("jobs that the drain's jobs submit finish too") {
    for (const char* words : {"1 main", "4 main", "1 task", "4 task"}) {
        CHECK(run("chain", words) == exited(7, "1000 links finished\n"));
    }
}

TEST_CASE("exit() in a task keeps its exit code and lets the other jobs finish first") {
    const auto words = GENERATE(as<std::string>{}, "1 main_waits", "2 main_waits", "4 main_waits", "64 main_waits",
                                "1 main_gets", "4 main_gets");
    CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
}

TEST_CASE("exit() in a task does not hang when jobs wait for the exiting job") {
    CHECK(run("exits_in_task", "1 waited_for") == exited(7, "the others finished first\n"));
}

#ifdef __GLIBCXX__
TEST_CASE("exit() in a task does not hang when jobs wait for the exiting job with plain get()") {
    CHECK(run("exits_in_task", "1 waited_for_plainly") == exited(7, "the others finished first\n"));
}
#endif

TEST_CASE("exit() in a task does not hang when jobs wait for each other") {
    CHECK(run("exits_in_task", "1 each_other") == exited(7, "the others finished first\n"));
}

TEST_CASE("exit() in a task does not hang when the last other job waits for ever") {
    for (const char* words : {"1 waits_last", "4 waits_last"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("exit() in a task does not hang when its own submitters wait for it") {
    for (const char* words : {"1 nested", "4 nested"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("after exit() in a task no job goes on among static objects that are gone") {
    for (const char* words : {"1 released_late", "4 released_late"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("exit() in a task does not hang when a static destructor joins a thread in wait()") {
    for (const char* words : {"1 joins_waiter", "4 joins_waiter"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("exit() in a task does not hang while main goes on submitting and waiting") {
    for (const char* words : {"1 main_submits", "2 main_submits"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

#ifdef __GLIBC__
TEST_CASE("exit() in a task keeps its exit code when main returns meanwhile") {
    const auto words =
        GENERATE(as<std::string>{}, "1 main_returns", "4 main_returns", "1 main_returns_late", "4 main_returns_late");
    CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
}
#endif

TEST_CASE("after exit() in a task a job that runs inline may wait in get()") {
    CHECK(run("exits_in_task", "2 gets_late") == exited(7, "the others finished first\na job inline got 3\n"));
}

TEST_CASE("exit() in a task does not hang when a thread-local object of another worker waits for the pool") {
    for (const char* words : {"2 local_waits", "4 local_waits"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("exit() in a callback keeps its exit code and lets the other jobs finish first") {
    for (const char* words : {"1 callback", "4 callback"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("exit() in a callable's destructor keeps its exit code and lets the other jobs finish first") {
    for (const char* words : {"1 destructor", "4 destructor"}) {
        CHECK(run("exits_in_task", words) == exited(7, "the others finished first\n"));
    }
}

TEST_CASE("every submitted job finishes before exit() on another thread ends the process") {
    for (const char* words : {"1 main", "4 main", "1 thread", "4 thread"}) {
        CHECK(run("exits_on_thread", words) == exited(7, "1000 jobs finished\n"));
    }
}

TEST_CASE("every worker and its thread-local objects end before static objects do") {
    const auto words = GENERATE(as<std::string>{}, "1 busy", "8 busy", "64 busy", "8 parked", "64 parked", "8 retiring",
                                "64 retiring");
    CHECK(run("workers_end", words) == exited(7, "all workers ended first\nall workers ended first\n"));
}

#if !THREAD_LOCALS_DIE_LAST // those of the exiting worker would
TEST_CASE("every worker and its thread-local objects end before static objects do when a task calls exit()") {
    const auto words = GENERATE(as<std::string>{}, "1 in_task", "8 in_task", "64 in_task");
    CHECK(run("workers_end", words) == exited(7, "all workers ended first\nall workers ended first\n"));
}
#endif

TEST_CASE("tasks may be submitted and awaited before main by any unit") { CHECK(run("before_main") == exited(7)); }

TEST_CASE("wait() does not wait for a job that came when the pool had ended") {
    CHECK(run("counted_late") == exited(7, "nobody waited for ever\n"));
}

TEST_CASE("after the drain a call runs its job inline on the calling thread") {
    const auto words = GENERATE(as<std::string>{}, "unused", "used", "in_task");
    const child::outcome ended = run("after_drain", words);
    INFO(ended);
    CHECK(ended.code == 7);
    // The order of the two units is the linker's choice.
    CHECK((ended.output == "last submitted late\nfirst submitted late\nsecond submitted late\n" ||
           ended.output == "last submitted late\nsecond submitted late\nfirst submitted late\n"));
}

TEST_CASE("thread-local destructors and handlers of atexit() may submit and wait") {
    const std::string of_thread_locals = "a job of the youngest thread-local\n"
                                         "a job of the oldest thread-local\n";
    const std::string of_handlers = "a job of the youngest handler\n"
                                    "a job of the oldest handler\n";
#if THREAD_LOCALS_DIE_LAST
    const std::string of_main = of_handlers + of_thread_locals;
#else
    const std::string of_main = of_thread_locals + of_handlers;
#endif
    CHECK(run("late_callers", "unused") == exited(7, of_main));
    CHECK(run("late_callers", "used") == exited(7, of_main));
    CHECK(run("late_callers", "thread") == exited(7, "a job of the thread-local of a thread\n" + of_main));
}

TEST_CASE("_Exit() drains nothing and hangs nowhere") {
    const auto where = GENERATE(as<std::string>{}, "main", "task", "thread");
    CHECK(run("ends_at_once", where + " _Exit") == exited(7));
}

#ifndef _WIN32
TEST_CASE("quick_exit() drains nothing and hangs nowhere") {
    const auto where = GENERATE(as<std::string>{}, "main", "task", "thread");
    CHECK(run("ends_at_once", where + " quick_exit") == exited(7));
}

TEST_CASE("abort() drains nothing and hangs nowhere") {
    const auto where = GENERATE(as<std::string>{}, "main", "task", "thread");
    CHECK(run("ends_at_once", where + " abort") == killed(SIGABRT));
}
#endif

#ifdef DLL
TEST_CASE("the pool of a DLL does not keep the process from ending") {
    for (const char* words : {DLL, DLL " free"}) CHECK(run("dll_host", words) == exited(7));
}
#endif

#ifdef __linux__
TEST_CASE("exit() in a task lets the other jobs finish first when no thread can be had for them") {
    CHECK(run("exits_alone", "fails") == exited(7, "1000 jobs finished on the exiting thread\n"));
}

TEST_CASE("exit() in a task hangs on no job that waits in get() when no thread can be had") {
    CHECK(run("exits_alone", "fails_and_gets") ==
          exited(7, "get() in a task was refused\n1000 jobs finished on the exiting thread\n"));
}

TEST_CASE("exit() in a task does not wait below a job that waits in get() on the exiting thread") {
    CHECK(run("exits_alone", "fails_for_a_while") ==
          exited(7, "get() in a task was refused\n1000 jobs finished on the exiting thread\n"));
}

TEST_CASE("exit() in a task tries again to start a thread for the other jobs") {
    CHECK(run("exits_alone", "fails_once") == exited(7, "1000 jobs finished on another thread\n"));
}

TEST_CASE("exit() in a task whose other jobs have no threads lets no more than n run at the same time") {
    CHECK(run("exits_alone", "fails_while_resuming") == exited(7, "one at a time\n"));
}

#ifdef __GLIBCXX__ // elsewhere nobody can ask a future under a lock
TEST_CASE("exit() in a task cuts off no job that waits for what is there already") {
    const int n = GENERATE(1, 2, 3, 4);
#ifdef __GLIBCXX__
    const auto words = GENERATE(as<std::string>{}, " other", " itself", " job", " job plainly");
#else
    const auto words = GENERATE(as<std::string>{}, " other", " itself", " job");
#endif
    for (int round = 0; round < support::times(25); ++round) {
        REQUIRE(run("exits_ready", std::to_string(n) + words) == exited(7, "they finished first\n"));
    }
}
#endif

TEST_CASE("jobs that other threads submit while the pool drains finish before static objects die") {
    const auto words =
        GENERATE(as<std::string>{}, "1 threads", "4 threads", "1 of_jobs", "4 of_jobs", "1 beyond", "4 beyond",
                 "1 inline_last", "4 inline_last", "1 job_gets_late_job", "4 job_gets_late_job");
    CHECK(run("drains", words) == exited(7, "all finished first\n"));
}

TEST_CASE("wait() waits while the pool drains for jobs that run inline, too") {
    for (const char* words : {"1 inline_waited_for", "4 inline_waited_for"}) {
        CHECK(run("drains", words) == exited(7, "all finished first\n"));
    }
}

TEST_CASE("jobs that another thread submits while the pool drains run in order and one at a time with n == 1") {
    for (int round = 0; round < 5; ++round) {
        REQUIRE(run("drains", "1 in_order") == exited(7, "all finished first\n"));
    }
}

TEST_CASE("a job that waits for a thread which submits while the pool drains does not hang") {
    const auto words = GENERATE(as<std::string>{}, "1 job_awaits_thread", "4 job_awaits_thread", "1 job_awaits_mutex",
                                "4 job_awaits_mutex");
    CHECK(run("drains", words) == exited(7, "all finished first\n"));
}

TEST_CASE("threads that never stop submitting cannot keep the process from ending") {
    const auto words = GENERATE(as<std::string>{}, "1 gets", "4 gets", "1 drops", "4 drops");
    CHECK(run("floods", words) == exited(7, "it ends\n"));
}

#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 41) // from there on a second exit() waits for the first one's end
TEST_CASE("exit() in a job that runs inline while the pool drains does not hang") {
    const auto words = GENERATE(as<std::string>{}, "1 exits_inline", "4 exits_inline");
    const child::outcome ended = run("drains", words);
    INFO(ended);
    CHECK(ended.code == 7);
}
#endif

TEST_CASE("exit() in a signal handler that interrupted the main thread drains and ends") {
    const auto n = GENERATE(as<std::string>{}, "1 ", "4 ");
    const auto where = GENERATE(as<std::string>{}, "wait", "get", "shared_get", "plain_get", "plain_wait", "join");
    CHECK(run("interrupted", n + where) == exited(130, "100 jobs finished\n"));
}

TEST_CASE("exit() in a signal handler drains and ends while other threads are in wait() and get(), too") {
    const auto words = GENERATE(as<std::string>{}, "1 wait too", "4 wait too", "1 get too", "4 get too", "4 join too");
    CHECK(run("interrupted", words) == exited(130, "100 jobs finished\n"));
}

TEST_CASE("exit() in a signal handler that interrupted a worker or who starts one ends the process at once") {
    const auto which = GENERATE(as<std::string>{}, "parked", "get", "resuming", "retired", "starter");
    CHECK(run("interrupted_worker", which) == exited(130));
}

TEST_CASE("exit() in a signal handler that interrupted a worker at its birth drains") {
    CHECK(run("interrupted_worker", "first") == exited(130));
    CHECK(run("interrupted_worker", "second") == exited(130, "a job finished\na job finished\n"));
}

#if defined(__x86_64__) && !SUPPORT_THREAD_SANITIZER && !SUPPORT_ADDRESS_SANITIZER // not amid their own code
TEST_CASE("exit() in a signal handler that interrupts a submission or wait() at any instruction does not hang") {
    CHECK(run("any_instruction", "submit") == exited(7));
    CHECK(run("any_instruction", "wait") == exited(7));
    CHECK(run("any_instruction", "large") == exited(7)); // amid malloc
}
#endif

TEST_CASE("workers carry the name background and the signal mask of who submitted") {
    const auto words = GENERATE(as<std::string>{}, "unblocked", "blocked");
    CHECK(run("inherits", words) == exited(7));
}

TEST_CASE("no thread starts before the first submission and no worker is left after the drain") {
    CHECK(run("idle") == exited(7, "no worker is left\n"));
}
#endif
