// The kernel refuses threads, or the memory for their stacks: calls throw or their jobs run, until it gives them again.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <new>
#include <random>
#include <system_error>
#include <vector>

#include <grp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace {

constexpr int queued = 1000; // by those that leave
frame::gate submitted;       // everything is there: the exit may come
std::atomic<int> finished{0};

[[noreturn]] void skip(const char* reason) {
    frame::say(std::string("skipped: ") + reason);
    std::_Exit(0);
}

// A limit that leaves no room for one more thread.
class limit {
public:
    explicit limit(bool of_memory) : of_memory_(of_memory) {
        of_memory ? reserve_memory() : become_nobody();
        ::getrlimit(resource(), &unlimited_);
    }
    void impose() const { set(of_memory_ ? mapped() + (64 << 10) : 1); }
    void lift() const { set(unlimited_.rlim_cur); }

private:
    // Root may have as many threads as it likes. The number is one that nobody has.
    static void become_nobody() {
        if (::geteuid() != 0) return;
        constexpr unsigned nobody = 2'000'000'011;
        const bool became = ::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0 &&
                            ::setresuid(nobody, nobody, nobody) == 0;
        if (!became) skip("root may not become anybody else here");
        ::prctl(PR_SET_DUMPABLE, 1); // a leak checker looks into the process
    }
    // All but stacks comes from one arena, which has enough for all that the tests ask for; the main stack has
    // grown.
    static void reserve_memory() {
        ::mallopt(M_ARENA_MAX, 1);
        ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
        ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
        void* volatile room = std::malloc(16 << 20);
        std::free(room);
        volatile char stack[256 << 10];
        for (std::size_t at = 0; at < sizeof stack; at += 4096) stack[at] = 0;
    }
    static rlim_t mapped() {
        rlim_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
    }
    decltype(RLIMIT_AS) resource() const { return of_memory_ ? RLIMIT_AS : RLIMIT_NPROC; }
    void set(rlim_t most) const {
        rlimit both = unlimited_;
        both.rlim_cur = most;
        frame::demand(::setrlimit(resource(), &both) == 0, "a process may limit itself");
    }

    const bool of_memory_;
    rlimit unlimited_{};
};

// Whether the kernel keeps its word. The thread that it may start has a stack which would be there for the next.
bool has_effect() {
    try {
        std::thread([] {}).join();
    } catch (const std::system_error&) {
        return true;
    }
    return false;
}

// Runs the call; whether it was submitted.
template<class Call> bool succeeds(Call call) {
    try {
        call();
        return true;
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {}
    return false;
}

// Makes n jobs meet, which takes as many threads.
void meet() {
    const int limit = background::n;
    support::latch everybody{limit};
    std::vector<std::future<void>> jobs;
    for (int i = 0; i < limit; ++i) jobs.push_back(background::run([&everybody] { everybody.arrive_and_wait(); }));
    for (auto& job : jobs) job.get();
}

// A job that submits the next and waits for it; get may throw where there is no thread. Returns how often it threw.
int nested(int levels, std::atomic<int>& ran) {
    ++ran;
    if (levels == 1) return 0;
    auto inner = background::run(nested, levels - 1, std::ref(ran));
    int thrown = 0;
    if (succeeds([&] { thrown = background::get(inner); })) return thrown;
    return 1;
}

void first_call_throws() {
    std::atomic<int> ran{0};
    support::tally held;
    for (int round = 0; round < 5; ++round) {
        const auto work = [&ran, self = support::counted{held}] { ++ran; };
        frame::demand(!succeeds([&work] { background::run(work); }), "without a thread the call throws");
        frame::demand(background::pending() == 0, "and nothing stays queued");
        background::wait();
        background::n = round + 1;
    }
    frame::demand(held.live == 0 && ran == 0, "of such a call nothing is left");
}

void pool_carries_on_with_one() {
    background::n = 4;
    support::thread_ids workers;
    std::atomic<int> ran{0};
    for (int job = 0; job < 1000; ++job) {
        background::run([&] {
            workers.add();
            ++ran;
        });
    }
    background::wait();
    frame::demand(ran == 1000 && workers.size() == 1, "the one worker runs every job");
}

void nested_get_never_hangs(bool limited) {
    for (const int slots : {1, 2}) {
        background::n = slots;
        std::atomic<int> ran{0};
        const int thrown = background::run(nested, 50, std::ref(ran)).get();
        background::wait();
        frame::demand(ran == 50 && background::pending() == 0, "each nested job runs once");
        frame::demand((thrown > 0) == limited, "get throws when it has no thread to wait with, and only then");
    }
}

void carry_on(const limit& given) {
    given.impose();
    if (!has_effect()) skip("this system does not enforce the limit");
    first_call_throws();
    given.lift();
    background::run([] {}).get();
    given.impose();
    pool_carries_on_with_one();
    nested_get_never_hangs(true);
    given.lift();
    nested_get_never_hangs(false);
    background::n = 5;
    meet();
}

// The limit comes and goes while several threads submit, from outside and from inside jobs.
void storm(const limit& given) {
    constexpr int submitters = 3, jobs = support::times(5000);
    struct outcome {
        std::atomic<int> inner_submitted{0}, inner_ran{0}, ran{0};
        bool submitted = false;
    };
    std::vector<outcome> outcomes(submitters * jobs);
    std::atomic<bool> over{false};
    support::latch start;
    std::vector<std::thread> threads;
    for (int submitter = 0; submitter < submitters; ++submitter) {
        threads.emplace_back([&outcomes, &start, submitter] {
            start.wait();
            std::minstd_rand random{static_cast<unsigned>(submitter) + 2};
            for (int job = 0; job < jobs; ++job) {
                outcome& mine = outcomes[static_cast<std::size_t>(submitter * jobs + job)];
                std::future<void> future;
                mine.submitted = succeeds([&] {
                    future = background::run([&mine] {
                        ++mine.ran;
                        std::future<void> inner;
                        mine.inner_submitted +=
                            succeeds([&] { inner = background::run([&mine] { ++mine.inner_ran; }); });
                        if (inner.valid()) succeeds([&inner] { background::get(inner); });
                    });
                });
                if (random() % 4 == 0 && future.valid()) future.get();
                if (random() % 64 == 0) background::n = static_cast<int>(1 + random() % 6);
                if (random() % 256 == 0) background::wait();
                support::await([] { return background::pending() <= 500; });
            }
        });
    }
    std::thread limits([&over, &given] {
        std::minstd_rand random{1};
        while (!over) {
            given.impose();
            support::give_way(static_cast<int>(random() % 50));
            given.lift();
            support::give_way(static_cast<int>(random() % 10));
        }
    });
    start.count_down();
    for (auto& thread : threads) thread.join();
    background::wait();
    over = true;
    limits.join();
    for (const outcome& each : outcomes) {
        frame::demand(each.ran == (each.submitted ? 1 : 0), "a call throws or its job runs once");
        frame::demand(each.inner_ran == each.inner_submitted, "so does a call inside a job");
    }
    frame::demand(background::pending() == 0, "nothing stays queued");
    background::n = 6;
    meet();
}

// What is queued when a process ends that may have no more threads: by return from main, or by exit() in the only job.
void leave(const limit& given, bool in_task) {
    given.impose();
    if (!has_effect()) skip("this system does not enforce the limit");
    given.lift();
    background::n = 1;
    background::run([] {}).get();
    background::wait();
    given.impose();
    static const struct witness {
        explicit witness(const limit& imposed) : imposed_(imposed) {}
        ~witness() {
            frame::demand(finished == queued, "what is queued finishes first");
            imposed_.lift(); // a leak checker needs a thread
        }
        const limit imposed_;
    } last{given};
    background::run([in_task] {
        submitted.pass();
        if (in_task) std::exit(7);
    });
    for (int i = 0; i < queued; ++i) background::run([] { ++finished; });
    background::n = 4;
    submitted.open();
    if (in_task) background::wait();
}

} // namespace

// limits threads|memory carry_on|storm|leave|leave_in_task
int main(int, char** words) {
    const limit given(words[1] == std::string("memory"));
    const std::string situation = words[2];
    if (situation == "carry_on") carry_on(given);
    if (situation == "storm") storm(given);
    if (situation == "leave") leave(given, false);
    if (situation == "leave_in_task") leave(given, true);
    return 7;
}
