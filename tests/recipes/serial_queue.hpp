// Jobs that run one after the other, whatever n is: take this file as it is, or as a beginning.
// SPDX-License-Identifier: MIT
#pragma once

#include <background.hpp>

#include <future>
#include <mutex>
#include <queue>
#include <utility>

/// A queue of steps, one of which runs at a time, in the order of submission, as part of a job. It needs to live until
/// its last job has ended: make it static, or call background::wait() before it goes.
class serial_queue {
public:
    /// Submits a step; what it throws leaves through the future, and the next one runs nevertheless. Where submitting
    /// itself throws, for want of memory or of a first thread, the queue is of no use any more.
    template<typename F> std::future<void> submit(F step) {
        std::packaged_task<void()> next{std::move(step)};
        std::future<void> done = next.get_future();
        std::unique_lock<std::mutex> lock{mutex_};
        steps_.push(std::move(next));
        if (std::exchange(working_, true)) return done;
        lock.unlock(); // while the program ends, the job may run inline, on this very thread
        background::run([this] { work(); });
        return done;
    }

private:
    void work() {
        std::unique_lock<std::mutex> lock{mutex_};
        for (; !steps_.empty(); lock.lock()) {
            std::packaged_task<void()> step = std::move(steps_.front());
            steps_.pop();
            lock.unlock();
            step();
        }
        working_ = false;
    }

    std::mutex mutex_{};
    std::queue<std::packaged_task<void()>> steps_{}; // guarded by mutex_
    bool working_ = false;                           // guarded by mutex_: a job is submitted that has not seen the end
};
