// Proves that no user code runs under a lock of the library.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

namespace {

/// Uses the library from another thread while the calling one is in user code: hangs if that holds a lock of it.
void use_library_elsewhere() {
    std::thread{[] {
        background::run([] {});
        background::n = static_cast<int>(background::n);
        static_cast<void>(background::pending());
        background::callback([](std::exception_ptr) {});
    }}.join();
}

/// Calls `use_library_elsewhere()` in each special member, as long as `*active`.
struct meddler {
    explicit meddler(std::atomic<int>& counter) : calls{&counter} {}
    meddler(const meddler& other) : calls{other.calls} { meddle(); }
    meddler(meddler&& other) noexcept : calls{other.calls} { meddle(); }
    meddler& operator=(const meddler&) = delete;
    meddler& operator=(meddler&&) = delete;
    ~meddler() { meddle(); }
    void meddle() const {
        if (--*calls < 0) return;
        use_library_elsewhere();
    }
    std::atomic<int>* calls;
};

} // namespace

TEST_CASE("No copy or move or destructor of a callable or argument or result runs under a lock of the library") {
    background::n = 1;
    for (int round = 0; round < 5; ++round) {
        std::atomic<int> calls{100};
        {
            background::task work{[self = meddler{calls}](meddler argument) { return argument; }};
            const meddler named{calls};
            auto from_task = work(named);
            auto from_run = background::run([self = named](const meddler&) { throw meddler{self}; }, meddler{calls});
            from_task.get();
            CHECK_THROWS_AS(from_run.get(), meddler);
            std::move(work)(named);
            background::run([](meddler&& argument) { return std::move(argument); }, named);
            background::wait();
        }
        CHECK(calls < 80);
    }
}

TEST_CASE("Copies and destructors and moves of results on several threads may wait for each other") {
    struct meets {
        explicit meets(latch& all) : copies{&all} {}
        meets(const meets& other) : copies{other.copies} { copies->arrive_and_wait(); }
        meets(meets&& other) noexcept : copies{other.copies} {}
        meets& operator=(const meets&) = delete;
        meets& operator=(meets&&) = delete;
        ~meets() {
            if (ends) ends->arrive_and_wait();
        }
        latch* copies;
        latch* ends = nullptr;
    };
    struct meets_on_its_way {
        explicit meets_on_its_way(latch& all) : moves{&all} {}
        meets_on_its_way(meets_on_its_way&& other) noexcept : moves{nullptr} {
            if (latch* const all = std::exchange(other.moves, nullptr)) all->arrive_and_wait();
        }
        meets_on_its_way& operator=(meets_on_its_way&&) = delete;
        ~meets_on_its_way() = default;
        latch* moves;
    };
    background::n = 2;
    for (int round = 0; round < times(200); ++round) {
        latch copies{2}, ends{2}, moves{2};
        meets original{copies};
        const auto body = [&ends, &moves](meets&& argument) {
            argument.ends = &ends;
            return meets_on_its_way{moves};
        };
        std::vector<std::thread> submitters;
        for (int submitter = 0; submitter < 2; ++submitter) {
            submitters.emplace_back([&] { background::run(body, original).wait(); });
        }
        for (auto& submitter : submitters) submitter.join();
    }
}

TEST_CASE("Callbacks on several workers may wait for each other") {
    background::n = 3;
    latch everybody{3};
    const callback_switch here;
    background::callback(here([&everybody](std::exception_ptr) { everybody.arrive_and_wait(); }));
    for (int job = 0; job < 3; ++job) background::run([] {});
    everybody.wait();
    background::wait();
}

TEST_CASE("No callback runs or is copied under a lock of the library") {
    background::n = 1;
    static std::atomic<int> called{0}; // callbacks stay for ever, and so does what they use
    background::callback([](std::exception_ptr) {
        if (called++ < 20) use_library_elsewhere();
    });
    background::run([] {}).get();
    background::wait();
    CHECK(called >= 20);
    static std::atomic<int> copies{5};
    background::callback([self = meddler{copies}](std::exception_ptr) {});
    CHECK(copies < 5);
    copies = 0;
}

TEST_CASE("A callable may take a lock in its copies and its end which its submitter holds while it submits") {
    struct locks {
        explicit locks(std::recursive_mutex& shared) : mutex{&shared} {}
        locks(const locks& other) : mutex{other.mutex} { const std::lock_guard lock{*mutex}; }
        locks& operator=(const locks&) = delete;
        ~locks() { const std::lock_guard lock{*mutex}; }
        void operator()(const locks&) const { const std::lock_guard lock{*mutex}; }
        std::recursive_mutex* mutex;
    };
    background::n = 2;
    std::recursive_mutex mutex;
    const background::task work{locks{mutex}};
    std::vector<std::thread> submitters;
    std::atomic<int> submitted{0};
    for (int submitter = 0; submitter < 3; ++submitter) {
        submitters.emplace_back([&] {
            for (int round = 0; round < times(2000); ++round) {
                const std::lock_guard lock{mutex};
                work(locks{mutex});
                ++submitted;
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    CHECK(submitted == 3 * times(2000));
    CHECK(background::pending() == 0);
}

TEST_CASE("A result may take a lock in its end which its submitter holds while it submits") {
    struct locks {
        explicit locks(std::mutex& shared) : mutex{&shared} {}
        locks(locks&& other) noexcept : mutex{std::exchange(other.mutex, nullptr)} {}
        locks(const locks&) = delete;
        locks& operator=(const locks&) = delete;
        ~locks() {
            if (mutex) const std::lock_guard lock{*mutex};
        }
        std::mutex* mutex;
    };
    background::n = 2;
    std::mutex mutex;
    std::atomic<int> ran{0};
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 3; ++submitter) {
        submitters.emplace_back([&] {
            for (int round = 0; round < times(2000); ++round) {
                std::future<locks> future; // may be the last to hold its result, so it goes when the lock is released
                const std::lock_guard lock{mutex};
                if (round % 2 == 0) future = background::run([&] { return ++ran, locks{mutex}; });
                background::run([&] {
                    { const std::lock_guard dropped{mutex}; } // the future: it must not be given the result
                    return ++ran, locks{mutex};
                });
                background::n = 1 + round % 3;
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    CHECK(ran == 3 * (times(2000) + times(2000) / 2));
    CHECK(background::pending() == 0);
}
