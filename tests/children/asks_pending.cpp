// operator new and operator delete ask for pending(): neither is called under a lock of the library.
// SPDX-License-Identifier: MIT
#include "../failing_threads.hpp"
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <exception>
#include <future>
#include <new>
#include <string>
#include <system_error>
#include <vector>

namespace {

std::atomic<bool> asks{false};
std::atomic<long> asked{0};

void ask() {
    if (!asks) return;
    static_cast<void>(background::pending());
    ++asked;
}

} // namespace

#if !defined(__clang__) || !SUPPORT_THREAD_SANITIZER // there the sanitizer's own cannot be replaced
void* operator new(std::size_t size) {
    ask();
    if (void* const block = std::malloc(size)) return block;
    throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
    ask();
    std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
    ask();
    std::free(block);
}
#endif

namespace {

// A second thread cannot be had for what is queued: the error that says so is made and dropped.
void threads_are_refused() {
    support::fail_threads(1);
    for (int round = 0; round < support::times(200); ++round) {
        frame::gate door;
        auto held = background::run([&door] { door.pass(); });
        auto queued = background::run([] {});
        background::n = 2 + round % 3;
        door.open();
        held.get();
        queued.get();
    }
    support::allow_threads();
}

// The same where a job waits, and so needs a thread that cannot be had: get() throws or runs the job itself.
void waiting_jobs_are_refused() {
    background::n = 1;
    support::fail_threads(1);
    for (int round = 0; round < support::times(200); ++round) {
        background::run([] {
            auto inner = background::run([] {});
            try {
                background::get(inner);
            } catch (const std::system_error&) {}
        });
        background::wait();
    }
    support::allow_threads();
}

// Workers start and turn out to be too many.
void workers_are_not_needed() {
    for (int round = 0; round < support::times(500); ++round) {
        background::n = 4;
        std::vector<std::future<void>> jobs;
        for (int job = 0; job < 4 + round % 3; ++job) jobs.push_back(background::run(support::give_way, round % 5));
        if (round % 2 == 0) background::n = 1;
        for (auto& job : jobs) job.get();
        if (round % 3 == 0) background::wait();
        background::n = 1;
    }
}

// A thread that submits first in its life, and exceptions that nobody reads.
void exceptions_are_dropped() {
    background::callback([](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
    });
    background::n = 2;
    for (int round = 0; round < support::times(200); ++round) {
        std::thread([round] {
            background::run([round] { throw std::string(100, static_cast<char>('a' + round % 26)); });
            auto kept = background::run([]() -> std::string { throw std::string(50, 'x'); });
            auto result = background::run([] { return std::string(200, 'r'); });
            kept.wait();
        }).join();
    }
    background::wait();
}

} // namespace

// asks_pending refused|blocked|not_needed|dropped
int main(int, char** words) {
    const std::string situation = words[1];
    background::n = 4;
    background::run([] {}).get();
    background::wait();
    asks = true;
    if (situation == "refused") threads_are_refused();
    if (situation == "blocked") waiting_jobs_are_refused();
    if (situation == "not_needed") workers_are_not_needed();
    if (situation == "dropped") exceptions_are_dropped();
    background::wait();
    asks = false;
    return 7;
}
