// What fork() leaves: a child with a fresh pool that works and ends, and a parent that notices nothing.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "child.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <background.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <random>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using support::in_child;
using support::ran_in_a_process_of_its_own;

// A value in memory that a process and its forked children share.
template<class T> class shared {
public:
    shared() : value_(new (map()) T{}) {}
    shared(const shared&) = delete;
    shared& operator=(const shared&) = delete;
    ~shared() { ::munmap(value_, sizeof(T)); }
    T& operator*() const { return *value_; }
    T* operator->() const { return value_; }

private:
    static void* map() {
        void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        return memory;
    }

    T* const value_;
};

// Assigns n for the duration of a test.
class limited_to {
public:
    explicit limited_to(int limit) { background::n = limit; }
    limited_to(const limited_to&) = delete;
    limited_to& operator=(const limited_to&) = delete;
    ~limited_to() { background::n = before_; }

private:
    const int before_ = background::n;
};

// The exit code of that child, or minus the signal that killed it.
int ended(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) == -1) {
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Forks a child that does this and never returns from it; a child that hangs is killed.
template<class F> pid_t forked(F&& in_the_child) {
    std::cout.flush();
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == -1) throw std::system_error(errno, std::generic_category(), "fork");
    if (child != 0) return child;
    support::begin_child();
    ::alarm(60);
    try {
        in_the_child();
    } catch (const std::exception& error) {
        std::cerr << "in the child: " << error.what() << std::endl;
    } catch (...) {}
    ::_exit(98);
}

void child_demands(bool kept, int code) {
    if (!kept) ::_exit(code);
}

// In a child: runs a hundred jobs, on slots of which there are n, and reads their results.
void child_works() {
    std::vector<std::future<int>> results;
    for (int i = 0; i < 100; ++i) results.push_back(background::run([i] { return i; }));
    int expected = 0;
    for (auto& result : results) child_demands(background::get(result) == expected++, 90);
    const int limit = background::n;
    std::atomic<int> arrived{0};
    std::vector<std::future<void>> meetings;
    for (int i = 0; i < limit; ++i) {
        meetings.push_back(background::run([&arrived, limit] {
            ++arrived;
            support::await([&] { return arrived == limit; });
        }));
    }
    for (auto& meeting : meetings) background::get(meeting);
}

// In a child: exits with jobs queued by another thread. They finish before a static object dies, for which calls run
// inline then.
[[noreturn]] void child_leaves(int code) {
    static std::atomic<int> finished;
    static std::atomic<bool> leaving;
    finished = 0;
    leaving = false;
    static const struct witness {
        ~witness() {
            child_demands(finished == 10000, 91);
            const auto late = [] { return background::get(background::run([] { return 42; })); };
            child_demands(background::run(late).get() == 42, 92);
            background::wait();
            // In a child that is forked now the pool has closed, too: nobody would drain it.
            const int code = ended(forked([here = std::this_thread::get_id()] {
                const auto where = [] { return std::this_thread::get_id(); };
                child_demands(background::run(where).get() == here, 1);
                ::_exit(42);
            }));
            child_demands(code == 42, 93);
        }
    } last;
    std::thread([] {
        for (int i = 0; i < 10000; ++i) {
            background::run([] {
                support::await([] { return leaving.load(); });
                ++finished;
            });
        }
    }).join();
    thread_local const struct opener { // dies before the pool drains
        ~opener() { leaving = true; }
    } first;
    std::exit(code);
}

// Jobs that stay in the parent until they are let go, so that the pool is busy and its queue full when the fork comes.
class busy_pool {
public:
    explicit busy_pool(int jobs) : jobs_(jobs) {
        for (int i = 0; i < jobs; ++i) {
            futures_.push_back(background::run([this] {
                ++started_;
                door_.wait();
                ++*ran_;
            }));
        }
        const int limit = background::n;
        support::await([&] { return started_ >= std::min(limit, jobs); });
    }
    busy_pool(const busy_pool&) = delete;
    busy_pool& operator=(const busy_pool&) = delete;
    ~busy_pool() {
        if (!in_child) finish();
    }

    // Each of them runs once, in the parent.
    bool finish() {
        door_.count_down();
        background::wait();
        return *ran_ == jobs_;
    }
    std::vector<std::future<void>>& futures() { return futures_; }
    int ran() const { return *ran_; }

private:
    const int jobs_;
    support::latch door_{};
    std::atomic<int> started_{0};
    shared<std::atomic<int>> ran_{};
    std::vector<std::future<void>> futures_{};
};

} // namespace

TEST_CASE("a child forked before the first submission has a pool that works, and so has its parent") {
    if (ran_in_a_process_of_its_own()) return;
    CHECK(ended(forked([] {
              child_works();
              std::exit(42);
          })) == 42);
    CHECK(background::run([] { return 42; }).get() == 42);
}

TEST_CASE("a forked child has an empty pool and keeps n and the callbacks") {
    const limited_to limit(3);
    static std::atomic<int> called{0};
    background::callback([](std::exception_ptr) { ++called; });
    busy_pool pool(20);
    const pid_t child = forked([] {
        child_demands(background::pending() == 0, 1);
        background::wait();
        child_demands(background::n == 3, 2);
        child_demands(called == 0, 3);
        child_works();
        child_demands(called == 103, 4);
        background::wait();
        child_demands(background::pending() == 0, 5);
        background::n = 7;
        child_works();
        std::exit(42);
    });
    CHECK(ended(child) == 42);
    CHECK(background::n == 3);
    CHECK(background::pending() == 20);
    CHECK(called == 0);
    CHECK(pool.finish());
    CHECK(called == 20);
}

TEST_CASE("a forked child that does nothing exits, and none of the parent's jobs runs in it") {
    const limited_to limit(2);
    busy_pool pool(20);
    CHECK(ended(forked([] { std::exit(42); })) == 42);
    CHECK(ended(forked([] { std::quick_exit(42); })) == 42);
    CHECK(ended(forked([] { ::_exit(42); })) == 42);
    CHECK(ended(forked([] {
              std::signal(SIGABRT, SIG_DFL); // Catch2 would report a failure
              std::abort();
          })) == -SIGABRT);
    CHECK(pool.ran() == 0);
    CHECK(pool.finish());
}

TEST_CASE("a forked child finishes its own jobs before it exits") {
    const limited_to limit(2);
    busy_pool pool(20);
    const shared<std::atomic<int>> ran;
    const pid_t child = forked([&ran] {
        for (int i = 0; i < 1000; ++i) background::run([&ran] { ++*ran; });
        std::exit(42);
    });
    CHECK(ended(child) == 42);
    CHECK(*ran == 1000);
    CHECK(pool.finish());
}

TEST_CASE("a task in a forked child may exit") {
    const limited_to limit(2);
    busy_pool pool(20);
    const shared<std::atomic<int>> ran;
    const pid_t child = forked([&ran] {
        support::latch submitted;
        auto exiting = background::run([&submitted] {
            submitted.wait();
            std::exit(42);
        });
        for (int i = 0; i < 100; ++i) background::run([&ran] { ++*ran; });
        submitted.count_down();
        exiting.get();
    });
    CHECK(ended(child) == 42);
    CHECK(*ran == 100);
    CHECK(pool.finish());
}

TEST_CASE("a child of a forked child has a pool that works") {
    const limited_to limit(2);
    busy_pool pool(20);
    const pid_t child = forked([] {
        child_works();
        busy_pool own(10);
        const int code = ended(forked([] {
            child_demands(background::pending() == 0, 1);
            child_works();
            std::exit(41);
        }));
        child_demands(own.finish(), 2);
        std::exit(code + 1);
    });
    CHECK(ended(child) == 42);
    CHECK(pool.finish());
}

TEST_CASE("a forked child may drop the futures of its parent's jobs") {
    const limited_to limit(2);
    auto finished = background::run([] { return 42; });
    background::wait();
    busy_pool pool(20);
    const pid_t child = forked([&] {
        for (auto& future : pool.futures()) {
            child_demands(future.wait_for(std::chrono::seconds(0)) == std::future_status::timeout, 1);
        }
        pool.futures().clear();
        child_works();
        std::exit(finished.get());
    });
    CHECK(ended(child) == 42);
    CHECK(finished.get() == 42);
    CHECK(pool.finish());
    for (auto& future : pool.futures()) CHECK_NOTHROW(future.get());
}

TEST_CASE("a thread that never submitted may fork") {
    const limited_to limit(2);
    busy_pool pool(20);
    int code = 0;
    std::thread([&code] { code = ended(forked([] { child_leaves(42); })); }).join();
    CHECK(code == 42);
    CHECK(pool.finish());
}

TEST_CASE("a fork while others are in wait() and get() leaves them waiting and its child working") {
    const limited_to limit(2);
    for (int round = 0; round < support::times(20); ++round) {
        busy_pool pool(20);
        std::atomic<int> about{0};
        std::atomic<int> returned{0};
        std::vector<std::thread> waiting;
        for (int i = 0; i < 2; ++i) {
            waiting.emplace_back([&] {
                ++about;
                background::wait();
                ++returned;
            });
            waiting.emplace_back([&, i] {
                ++about;
                pool.futures()[static_cast<std::size_t>(i)].wait();
                ++returned;
            });
        }
        support::await([&about] { return about == 4; });
        support::give_way();
        const pid_t child = forked([] {
            background::wait();
            child_works();
            std::exit(42);
        });
        CHECK(ended(child) == 42);
        CHECK(returned == 0);
        CHECK(pool.finish());
        for (std::thread& thread : waiting) thread.join();
    }
}

TEST_CASE("a fork while a job is in get() leaves no slot given away in the child") {
    const limited_to limit(1);
    support::latch submitted;
    support::latch door;
    std::atomic<bool> running{false};
    std::future<int> inner;
    auto outer = background::run([&] {
        submitted.wait();
        return background::get(inner);
    });
    inner = background::run([&] {
        running = true;
        door.wait();
        return 42;
    });
    submitted.count_down();
    support::await([&running] { return running.load(); });
    const pid_t child = forked([] {
        std::atomic<int> at_once{0};
        for (int i = 0; i < 100; ++i) {
            background::run([&at_once] {
                child_demands(++at_once == 1, 1);
                support::give_way(2);
                --at_once;
            });
        }
        background::wait();
        child_works();
        std::exit(42);
    });
    CHECK(ended(child) == 42);
    door.count_down();
    CHECK(outer.get() == 42);
}

TEST_CASE("a task may fork: its child submits, waits and exits, and the parent's job goes on") {
    for (const int n : {1, 4}) {
        const limited_to limit(n);
        const shared<std::atomic<int>> ran;
        std::vector<std::future<int>> codes;
        for (int i = 0; i < 8; ++i) {
            codes.push_back(background::run([n, i, &ran] {
                ++*ran;
                return ended(forked([n, i] {
                    child_demands(background::n == n, 1);
                    child_works();
                    background::wait();
                    if (i % 2 == 0) child_leaves(42);
                    ::_exit(42);
                }));
            }));
        }
        for (auto& code : codes) CHECK(code.get() == 42);
        background::wait();
        CHECK(*ran == 8);
    }
}

TEST_CASE("a child forked in a task finishes its own jobs before it exits") {
    const limited_to limit(2);
    const shared<std::atomic<int>> ran;
    auto code = background::run([&ran] {
        return ended(forked([&ran] {
            for (int i = 0; i < 1000; ++i) background::run([&ran] { ++*ran; });
            std::exit(42);
        }));
    });
    CHECK(code.get() == 42);
    CHECK(*ran == 1000);
}

TEST_CASE("a callback may fork: its child works and exits") {
    const limited_to limit(2);
    static std::atomic<bool> once{false};
    static std::atomic<int> code{0};
    background::callback([](std::exception_ptr) {
        if (in_child || once.exchange(true)) return;
        code = ended(forked([] {
            child_works();
            std::exit(42);
        }));
    });
    background::run([] {}).get();
    CHECK(code == 42);
}

TEST_CASE("a thousand forks amid heavy submission leave the parent untouched, and no job runs twice") {
    constexpr std::size_t room = 1 << 24;
    constexpr int submitters = 3;
    // Beside other cases fewer: ctest gives it a process of its own.
    const int forks = support::times(support::started_cases == 1 ? 1000 : 100);
    struct counts {
        std::atomic<unsigned char> runs[room];
        std::atomic<int> in_children;
    };
    const limited_to limit(4);
    const shared<counts> ran;
    std::atomic<std::size_t> submitted{0};
    std::atomic<bool> enough{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < submitters; ++i) {
        threads.emplace_back([&] {
            while (!enough) {
                const std::size_t job = submitted++;
                if (job >= room) break;
                auto future = background::run([&ran, job] {
                    if (job % 32 == 0) background::get(background::run([] {}));
                    ++ran->runs[job];
                });
                if (job % 16 == 0) future.wait();
                support::await([] { return background::pending() <= 1000; });
            }
        });
    }
    threads.emplace_back([&enough] {
        for (int n = 0; !enough; n = (n + 1) % 4) {
            background::n = n + 1;
            support::nap();
        }
    });
    int good = 0;
    std::minstd_rand random{support::seed()};
    for (int i = 0; i < forks; ++i) {
        support::give_way(static_cast<int>(random() % 20));
        const pid_t child = forked([&ran, i] {
            const int n = background::n;
            child_demands(n >= 1 && n <= 4, 1);
            child_demands(background::pending() == 0, 2);
            // It does not support new threads here: other threads of the parent may have held its allocator's locks.
            if (SUPPORT_THREAD_SANITIZER) ::_exit(42);
            const auto work = [&ran] { return ++ran->in_children; };
            for (int job = 0; job < 89; ++job) background::run(work);
            for (int job = 0; job < 10; ++job) child_demands(background::run(work).get() > 0, 3);
            auto nested = background::run([work] { return background::get(background::run(work)) > 0; });
            child_demands(nested.get(), 4);
            if (i % 2 == 0) background::wait();
            if (i % 3 == 0) background::n = 1 + i % 4;
            std::exit(42);
        });
        good += ended(child) == 42;
    }
    enough = true;
    for (std::thread& thread : threads) thread.join();
    background::wait();
    CHECK(good == forks);
    CHECK(ran->in_children == (SUPPORT_THREAD_SANITIZER ? 0 : 100 * forks));
    const std::size_t jobs = std::min(submitted.load(), room);
    std::size_t once = 0;
    for (std::size_t job = 0; job < jobs; ++job) once += ran->runs[job] == 1;
    CHECK(once == jobs);
    CHECK(background::pending() == 0);
}

TEST_CASE("other libraries' fork handlers, older and younger, may lock and submit and wait") {
    const auto words =
        GENERATE(as<std::string>{}, "1 locks", "4 locks", "1 submits", "4 submits", "1 waits", "4 waits");
    CHECK(child::run("fork_handlers", words) == child::exited(7));
}
