// A task calls exit(7) in many situations; jobs that wait for nothing finish before the static destructors run.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <background.hpp>

#include <string>
#include <utility>

#if defined(__linux__)
#include <sched.h> // sched_setaffinity
#endif

namespace {

constexpr int others = 1000;
frame::gate submitted; // everything is there: the exit may come
frame::gate leaving;   // exit() has been called
std::atomic<int> finished{0};
std::atomic<int> blocked{0};

struct witness {
    ~witness() {
        frame::demand(finished == others, "the other jobs finish before static objects die");
        frame::say("the others finished first");
    }
};

[[noreturn]] void leave() {
    submitted.pass();
    thread_local const frame::opener opener{leaving};
    static const witness last;
    std::exit(7);
}

void submit_others() {
    for (int i = 0; i < others; ++i) {
        background::run([] {
            leaving.pass();
            ++finished;
        });
    }
}

// The exiting job is submitted first, the others run beside it or queue behind it.
void beside() {
    background::run(leave);
    submit_others();
    submitted.open();
}

// With n == 1 the exiting job starts only when everyone before it has given the slot away: all of them wait by then.
template<class Wait> void waited_for(Wait wait) {
    static std::shared_future<void> exiting;
    for (int i = 0; i < 10; ++i) {
        background::run([wait] {
            submitted.pass();
            ++blocked;
            wait(exiting);
            frame::demand(false, "a job that waits for the exiting job goes no further");
        });
    }
    exiting = background::run([] {
                  frame::demand(blocked == 10, "the jobs before have started");
                  leave();
              }).share();
    submit_others();
    submitted.open();
}

void each_other() {
    static std::shared_future<void> left, right;
    const auto wait_for = [](const std::shared_future<void>& other) {
        submitted.pass();
        ++blocked;
        background::get(other);
    };
    left = background::run([wait_for] { wait_for(right); }).share();
    right = background::run([wait_for] { wait_for(left); }).share();
    background::run([] {
        frame::demand(blocked == 2, "both wait already");
        leave();
    });
    submit_others();
    submitted.open();
}

// Another job waits when all others have finished and their workers are parked: then nothing more will happen.
void waits_last() {
    static std::promise<void> never;
    background::run(leave);
    submit_others();
    background::run([] {
        support::await([] { return finished == others; });
        support::give_way(); // to the workers, which park
        background::get(never.get_future());
    });
    submitted.open();
}

// Three jobs deep, each one waiting for the next; the innermost exits.
void nested() {
    background::run([] {
        auto middle = background::run([] {
            auto inner = background::run([] {
                submit_others();
                submitted.open();
                leave();
            });
            background::get(inner);
        });
        background::get(middle);
    });
}

// What a job waits for comes when static objects die already: the job must not go on among their remains.
void released_late() {
    static std::promise<void> promise;
    static struct releases {
        ~releases() {
            promise.set_value();
            support::give_way();
        }
    } const last;
    background::run([] {
        auto released = promise.get_future();
        background::get(released);
        frame::demand(false, "no job goes on when static objects are gone");
    });
    beside();
}

// A static destructor submits a job, which runs inline and waits for a thread.
void gets_late() {
    static struct gets {
        ~gets() {
            auto result = background::run([] {
                std::promise<int> promise;
                auto future = promise.get_future();
                std::thread other([&promise] {
                    support::give_way();
                    promise.set_value(3);
                });
                const int got = background::get(future);
                other.join();
                return got;
            });
            frame::say("a job inline got " + std::to_string(result.get()));
        }
    } const last;
    beside();
}

// A static destructor joins a thread that waits for the pool since before its end.
void joins_waiter() {
    background::run(leave);
    submit_others();
    static frame::gate waiting;
    static struct joins {
        std::thread waiter{[] {
            waiting.open();
            background::wait();
        }};
        ~joins() { waiter.join(); }
    } const last;
    waiting.pass();
    support::give_way(); // to wait()
    submitted.open();
}

void in_callback() {
    background::callback([](std::exception_ptr) {
        if (!std::atomic_exchange(&blocked, 1)) leave();
    });
    background::run([] {});
    submit_others();
    submitted.open();
}

void in_destructor() {
    struct parting {
        bool armed = true;
        parting() = default;
        parting(parting&& from) noexcept : armed(std::exchange(from.armed, false)) {}
        parting(const parting&) = delete;
        parting& operator=(const parting&) = delete;
        ~parting() {
            if (armed && blocked != 0) leave();
        }
        void operator()() const { blocked = 1; }
    };
    background::run(parting{});
    submit_others();
    submitted.open();
}

// The end of a worker waits for the pool: that must not wait for the exiting job, which waits for all workers' ends.
void local_waits() {
    struct waits {
        ~waits() { background::wait(); }
        void use() const {}
    };
    background::run([] {
        thread_local const waits last;
        last.use();
        ++blocked;
        leaving.pass();
    });
    support::await([] { return blocked != 0; });
    beside();
}

// Main returns when exit() has been called in a job, or amid the destructors of static objects, and goes no further.
int main_returns(bool late) {
    static frame::gate ending;
    static const struct stays {
        stays() = default;
        stays(const stays&) = delete;
        stays& operator=(const stays&) = delete;
        ~stays() {
            frame::demand(std::this_thread::get_id() != main_thread, "the exiting job's thread ends the process");
            ending.open();
            support::give_way(1000); // to main
        }
        const std::thread::id main_thread = std::this_thread::get_id();
    } last;
    beside();
    late ? ending.pass() : leaving.pass();
    return 1;
}

// A job leaves while main submits and waits, again and again; main ends with the process. On one processor, where there
// is one to choose, main has always submitted the next job before anybody could see that nothing is left.
[[noreturn]] void main_submits() {
#if defined(__linux__)
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    ::sched_setaffinity(0, sizeof(first), &first);
#endif
    submit_others();
    leaving.open();
    background::wait();
    submitted.open();
    background::run([] {
        support::give_way(20);
        leave();
    });
    for (;;) background::run([] {}).get();
}

} // namespace

// exits_in_task <n> <situation>
int main(int, char** words) {
    background::n = std::atoi(words[1]);
    const std::string situation = words[2];
    if (situation == "main_waits") beside();
    if (situation == "waited_for") waited_for([](auto& future) { background::get(future); });
    if (situation == "waited_for_plainly") waited_for([](auto& future) { future.get(); });
    if (situation == "each_other") each_other();
    if (situation == "waits_last") waits_last();
    if (situation == "nested") nested();
    if (situation == "released_late") released_late();
    if (situation == "gets_late") gets_late();
    if (situation == "joins_waiter") joins_waiter();
    if (situation == "local_waits") local_waits();
    if (situation == "callback") in_callback();
    if (situation == "destructor") in_destructor();
    if (situation == "main_submits") main_submits();
    if (situation == "main_returns") return main_returns(false);
    if (situation == "main_returns_late") return main_returns(true);
    if (situation == "main_gets") {
        auto exiting = background::run(leave);
        submit_others();
        submitted.open();
        exiting.get();
    }
    background::wait();
    frame::demand(false, "main goes no further when the process ends");
}
