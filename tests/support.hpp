// Small tools that the tests share: latches, objects that count themselves, threads seen from outside.
// SPDX-License-Identifier: MIT
#pragma once

#include "waiting.hpp"

#include <array>              // sized
#include <atomic>             // counters
#include <condition_variable> // latch
#include <cstddef>            // std::size_t
#include <cstdint>            // aligned
#include <cstdlib>            // getenv
#include <fstream>            // /proc
#include <iostream>           // seed
#include <mutex>              // latch
#include <random>             // seed
#include <set>                // thread_ids
#include <stdexcept>          // copy_failed
#include <string>             // /proc
#include <thread>             // thread_ids

#ifdef __linux__
#include <filesystem>    // /proc/self/task
#include <sys/syscall.h> // SYS_gettid
#include <unistd.h>      // syscall
#endif

#if defined(__SANITIZE_THREAD__)
#define SUPPORT_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SUPPORT_THREAD_SANITIZER 1
#endif
#endif
#ifndef SUPPORT_THREAD_SANITIZER
#define SUPPORT_THREAD_SANITIZER 0
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SUPPORT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SUPPORT_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef SUPPORT_ADDRESS_SANITIZER
#define SUPPORT_ADDRESS_SANITIZER 0
#endif

#if SUPPORT_THREAD_SANITIZER
#include <pthread.h> // begin_child
#endif

namespace support {

inline bool in_child = false; // a test has forked this process

/// To be called first in a forked child. ThreadSanitizer believes that the parent's threads live on there and gives up
/// where glibc reuses one of their stacks; so there the child's threads want more room than those stacks have.
inline void begin_child() {
    in_child = true;
#if SUPPORT_THREAD_SANITIZER
    pthread_attr_t attributes;
    std::size_t size = 0;
    pthread_getattr_default_np(&attributes);
    pthread_attr_getstacksize(&attributes, &size);
    pthread_attr_setstacksize(&attributes, size + (1 << 20));
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
#endif
}

#ifdef _WIN32 // under Wine whoever sleeps or wakes somebody asks another process
inline constexpr int slowdown = 5;
#else
inline constexpr int slowdown = SUPPORT_THREAD_SANITIZER || SUPPORT_ADDRESS_SANITIZER ? 20 : 1;
#endif

/// How often a test repeats itself: `count`, fewer times where a sanitizer or Wine makes every step slow.
constexpr int times(int count) { return count / slowdown < 10 ? (count < 10 ? count : 10) : count / slowdown; }

/// Where a test's random choices begin: told by the environment's SEED, else new every time. Says so, for the next run.
inline unsigned seed() {
    const char* const told = std::getenv("SEED");
    const unsigned chosen = told ? static_cast<unsigned>(std::stoul(told)) : std::random_device{}();
    std::cout << "SEED=" << chosen << std::endl;
    return chosen;
}

/// std::latch for C++17; one that counts from 1 is a gate. May be destroyed as soon as `wait()` has returned.
class latch {
public:
    explicit latch(int count = 1) : count_{count} {}
    void count_down() {
        const std::lock_guard<std::mutex> lock{mutex_};
        if (--count_ == 0) opened_.notify_all();
    }
    void wait() {
        std::unique_lock<std::mutex> lock{mutex_};
        opened_.wait(lock, [this] { return count_ <= 0; });
    }
    void arrive_and_wait() {
        count_down();
        wait();
    }

private:
    std::mutex mutex_{};
    std::condition_variable opened_{};
    int count_; // guarded by mutex_
};

/// What happened to the `counted` objects that belong to it.
struct tally {
    std::atomic<int> live{0};
    std::atomic<int> copies{0};
    std::atomic<int> moves{0};
};

/// An object that counts itself, its copies and its moves.
class counted {
public:
    explicit counted(tally& owner) : owner_{&owner} { ++owner_->live; }
    counted(const counted& other) : owner_{other.owner_} {
        ++owner_->live;
        ++owner_->copies;
    }
    counted(counted&& other) noexcept : owner_{other.owner_} {
        ++owner_->live;
        ++owner_->moves;
    }
    counted& operator=(const counted&) = delete;
    counted& operator=(counted&&) = delete;
    ~counted() { --owner_->live; }

private:
    tally* owner_;
};

/// A functor with a state.
struct adder {
    int sum = 0;
    int operator()(int number) { return sum += number; }
};

struct copy_failed : std::runtime_error {
    copy_failed() : std::runtime_error{"this object cannot be copied now"} {}
};

/// An argument, and a part of callables, whose copy throws where it was told to; its moves never do.
class brittle {
public:
    brittle(tally& owner, bool breaks) : self_{owner}, breaks_{breaks} {}
    brittle(const brittle& other) : self_{other.self_}, breaks_{other.breaks_} {
        if (breaks_) throw copy_failed{};
    }
    brittle(brittle&&) noexcept = default;
    brittle& operator=(const brittle&) = delete;
    brittle& operator=(brittle&&) = delete;
    ~brittle() = default;

private:
    counted self_;
    bool breaks_;
};

/// An object that tells whether it stands where its alignment demands.
template<std::size_t Alignment> struct alignas(Alignment) aligned {
    explicit aligned(int number) : value{number} {}
    bool placed() const { return reinterpret_cast<std::uintptr_t>(this) % Alignment == 0; }
    int value;
};

/// A callable of `Size` bytes and more that knows every byte it was made with.
template<std::size_t Size> struct sized {
    explicit sized(unsigned char first) : bytes{} {
        for (std::size_t at = 0; at < Size; ++at) bytes[at] = static_cast<unsigned char>(first + at % 251);
    }
    bool intact(unsigned char first) const {
        for (std::size_t at = 0; at < Size; ++at) {
            if (bytes[at] != static_cast<unsigned char>(first + at % 251)) return false;
        }
        return true;
    }
    bool operator()(unsigned char first) const { return intact(first); }
    std::array<unsigned char, Size> bytes;
};

/// How many are inside at this moment, and the most there ever were.
class gauge {
public:
    void enter() {
        const int inside = ++inside_;
        int most = most_;
        while (most < inside && !most_.compare_exchange_weak(most, inside)) {}
    }
    void leave() { --inside_; }
    int inside() const { return inside_; }
    int most() const { return most_; }
    void forget() { most_ = 0; }

private:
    std::atomic<int> inside_{0};
    std::atomic<int> most_{0};
};

/// The thread is counted from its first call of `mark_thread()` until its thread-local objects are destroyed.
inline std::atomic<int> marked_threads{0};
inline void mark_thread() {
    struct mark {
        mark() { ++marked_threads; }
        mark(const mark&) = delete;
        mark& operator=(const mark&) = delete;
        ~mark() { --marked_threads; }
    };
    thread_local const mark here;
    static_cast<void>(&here);
}

/// The distinct threads that were `add`ed.
class thread_ids {
public:
    void add() {
        const std::lock_guard<std::mutex> lock{mutex_};
        ids_.insert(std::this_thread::get_id());
    }
    std::size_t size() {
        const std::lock_guard<std::mutex> lock{mutex_};
        return ids_.size();
    }

private:
    std::mutex mutex_{};
    std::set<std::thread::id> ids_{}; // guarded by mutex_
};

#ifdef __linux__

/// How many threads the process has.
inline int thread_count() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) {
        static_cast<void>(entry);
        ++count;
    }
    return count;
}

/// The kernel's number of the calling thread.
inline long kernel_id() { return syscall(SYS_gettid); }

/// A thread as the kernel sees it: what it is doing ('S' when it sleeps) and how often it went to sleep so far.
struct thread_state {
    char state = '?';
    long sleeps = -1;
    bool operator==(const thread_state& other) const { return state == other.state && sleeps == other.sleeps; }
};

inline thread_state look_at(long thread) {
    std::ifstream status{"/proc/self/task/" + std::to_string(thread) + "/status"};
    thread_state seen;
    for (std::string word; status >> word;) {
        if (word == "State:") status >> seen.state;
        if (word == "voluntary_ctxt_switches:") status >> seen.sleeps;
    }
    return seen;
}

/// Returns when the thread has gone to sleep at least once since `before` and did not wake up while it was looked at.
inline thread_state await_sleep(long thread, thread_state before = {}) {
    for (;;) {
        const thread_state seen = look_at(thread);
        bool asleep = seen.state == 'S' && seen.sleeps > before.sleeps;
        for (int look = 0; asleep && look < 50; ++look) {
            spin();
            asleep = look_at(thread) == seen;
        }
        if (asleep) return seen;
        nap();
    }
}

#endif

} // namespace support
