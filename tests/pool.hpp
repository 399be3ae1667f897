// What tests do with the pool: fill it, let jobs meet, listen for a while; and they leave it as they found it.
// SPDX-License-Identifier: MIT
#pragma once

#include <background.hpp>

#include "cases.hpp"
#include "catch.hpp"
#include "support.hpp"

#include <atomic>    // callback_switch
#include <cstddef>   // std::size_t
#include <cstdlib>   // std::system
#include <exception> // std::exception_ptr
#include <future>    // what jobs return
#include <memory>    // callback_switch
#include <string>    // a command
#include <thread>    // hardware_concurrency
#include <utility>   // std::move
#include <vector>    // jobs

namespace support {

/// Fills all slots until it is opened, so that what is submitted meanwhile stays queued.
class closed_pool {
public:
    explicit closed_pool(int slots = 1) : running_{slots} {
        background::n = slots;
        for (int job = 0; job < slots; ++job) {
            jobs_.push_back(background::run([this] {
                running_.count_down();
                gate_.wait();
            }));
        }
        running_.wait();
    }
    void open() {
        gate_.count_down();
        for (auto& job : jobs_) job.get();
    }

private:
    latch running_;
    latch gate_{};
    std::vector<std::future<void>> jobs_{};
};

/// Jobs that hold a slot each until `release` is called for them.
class blockers {
public:
    explicit blockers(int count) {
        latch running{count};
        for (int job = 0; job < count; ++job) {
            gates_.push_back(std::make_unique<latch>());
            jobs_.push_back(background::run([&running, &gate = *gates_.back()] {
                running.count_down();
                gate.wait();
            }));
        }
        running.wait();
    }
    void release(std::size_t job) {
        gates_[job]->count_down();
        jobs_[job].get();
    }
    void release_all() {
        for (std::size_t job = 0; job < jobs_.size(); ++job) {
            if (jobs_[job].valid()) release(job);
        }
    }

private:
    std::vector<std::unique_ptr<latch>> gates_{};
    std::vector<std::future<void>> jobs_{};
};

/// Makes `count` jobs meet, which takes `count` slots and as many workers, and counts those among the marked threads.
inline void meet(int count) {
    latch everybody{count};
    std::vector<std::future<void>> jobs;
    for (int job = 0; job < count; ++job) {
        jobs.push_back(background::run([&everybody] {
            mark_thread();
            everybody.arrive_and_wait();
        }));
    }
    for (auto& job : jobs) job.get();
}

/// Submits `count` jobs that are inside `room` for a while, giving way to every other thread.
inline void crowd(gauge& room, int count) {
    for (int job = 0; job < count; ++job) {
        background::run([&room] {
            room.enter();
            give_way(3);
            room.leave();
        });
    }
}

/// Makes callables into callbacks that do nothing any more when this object is gone: the library keeps callbacks for
/// ever, and what they refer to goes with the test case. To be made after all that they refer to.
class callback_switch {
    struct state {
        std::atomic<bool> on{true};
        std::atomic<int> inside{0};
    };

public:
    callback_switch() = default;
    callback_switch(const callback_switch&) = delete;
    callback_switch& operator=(const callback_switch&) = delete;
    ~callback_switch() {
        state_->on = false;
        await([this] { return state_->inside == 0; });
    }
    template<typename F> auto operator()(F call) const {
        return [shared = state_, call = std::move(call)](std::exception_ptr error) mutable {
            const struct visit {
                explicit visit(state& entered) : left{entered} { ++left.inside; }
                visit(const visit&) = delete;
                visit& operator=(const visit&) = delete;
                ~visit() { --left.inside; }
                state& left;
            } here{*shared};
            if (shared->on) call(std::move(error));
        };
    }

private:
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// Leaves the pool to each test case as the first one found it, but for its workers and callbacks.
inline void leave_fresh_pool() {
    background::wait();
    const unsigned processors = std::thread::hardware_concurrency();
    background::n = processors == 0 ? 1 : processors;
}
inline const bool leaves_fresh_pool = between_cases(leave_fresh_pool);

/// For a test case that needs a pool without workers, or whatever else only a new process has. True where others have
/// run before: it has been run, and checked, in a process of its own. To debug it: gdb --args <program> "<test case>".
inline bool ran_in_a_process_of_its_own() {
    if (started_cases == 1) return false;
#ifdef __linux__
    std::string escaped;
    for (const char c : current_case) {
        if (c == ',' || c == '[' || c == '\\') escaped += '\\'; // they mean something in a test's name
        escaped += c == '\'' ? "'\\''" : std::string(1, c);
    }
    const std::string itself = std::filesystem::read_symlink("/proc/self/exe").string();
    CHECK(std::system(("'" + itself + "' '" + escaped + "'").c_str()) == 0);
#else
    WARN("not run: it needs a process of its own, which ctest gives to every test case");
#endif
    return true;
}

} // namespace support
