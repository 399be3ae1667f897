// Mixes everything the library does, from several threads and from a seed, and checks that the counts come out exactly.
// SPDX-License-Identifier: MIT
//
// usage: stress [--seconds N] [--seed S]
#include <background.hpp>

#include "support.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <future>
#include <mutex>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace support;

namespace {

using generator = std::mt19937_64;

constexpr int submitters = 4;
constexpr std::size_t enough_pending = 150; // each may come to be a thread that waits in get

struct counts {
    std::atomic<long> submitted{0};
    std::atomic<long> ran{0};
    std::atomic<long> threw{0};
    std::atomic<long> told{0};
    std::atomic<long> told_failures{0};
    std::atomic<long> read{0};
    std::atomic<long> read_failures{0};
    std::atomic<long> nested{0};
    std::atomic<long> resizes{0};
    std::atomic<long> waits{0};
};

counts total;
gauge running;
std::atomic<int> largest_n{1}; // in this round
tally objects;
std::atomic<long> complaints{0};

void complain(const char* what) {
    if (++complaints <= 20) std::fprintf(stderr, "stress: %s\n", what);
}

void expect(bool holds, const char* what) {
    if (!holds) complain(what);
}

int below(generator& random, int bound) { return static_cast<int>(random() % static_cast<std::uint64_t>(bound)); }

void resize(generator& random) {
    background::n = 1 + below(random, largest_n);
    ++total.resizes;
}

// --- what jobs do ---

enum class deed {
    answer,
    throw_number,
    throw_text,
    throw_own,
    nest,
    nest_shared,
    nest_promise,
    forget,
    thread,
    resize,
    wait
};

struct own_error {
    std::uint64_t seed;
};

struct order {
    deed what = deed::answer;
    int depth = 0; // how many levels of jobs it may still submit
    std::uint64_t seed = 0;
};

struct submitted_job {
    std::future<std::uint64_t> future{};
    order what{};
};

submitted_job submit(generator& random, int depth);

/// Runs `wait` outside the count of running jobs: the slot is given away meanwhile.
template<typename Wait> auto away(Wait wait) {
    struct absent {
        absent() { running.leave(); }
        absent(const absent&) = delete;
        absent& operator=(const absent&) = delete;
        ~absent() { running.enter(); }
    } const here;
    ++total.nested;
    return wait();
}

bool throws(deed what) { return what == deed::throw_number || what == deed::throw_text || what == deed::throw_own; }

/// Checks that `read()` brings what the order says.
template<typename Read> void check_result(const order& given, Read read) {
    ++total.read;
    try {
        expect(read() == given.seed && !throws(given.what), "a result is wrong");
        return;
    } catch (std::uint64_t number) {
        expect(number == given.seed && given.what == deed::throw_number, "a thrown number is wrong");
    } catch (const std::string& text) {
        expect(text == std::to_string(given.seed) && given.what == deed::throw_text, "a thrown string is wrong");
    } catch (const own_error& error) {
        expect(error.seed == given.seed && given.what == deed::throw_own, "a thrown object is wrong");
    } catch (...) {
        complain("an exception is none of those that jobs throw");
    }
    ++total.read_failures;
}

/// Reads a result in one of the ways there are inside a job.
void read_inside(generator& random, submitted_job job) {
#ifdef __GLIBCXX__
    const int ways = 4;
#else
    const int ways = 2;
#endif
    const int way = below(random, ways);
    check_result(job.what, [&] {
        return away([&] {
            if (way == 1) return background::get(job.future.share());
            if (way == 2) return job.future.get();
            if (way == 3) job.future.wait();
            return background::get(job.future);
        });
    });
}

void perform(const order& given) {
    generator random{given.seed};
    switch (given.what) {
    case deed::answer:
        break;
    case deed::throw_number:
        ++total.threw;
        throw given.seed;
    case deed::throw_text:
        ++total.threw;
        throw std::to_string(given.seed);
    case deed::throw_own:
        ++total.threw;
        throw own_error{given.seed};
    case deed::nest: {
        submitted_job first = submit(random, given.depth - 1);
        submitted_job second = submit(random, given.depth - 1);
        read_inside(random, std::move(second));
        if (below(random, 2) == 0) read_inside(random, std::move(first));
        break;
    }
    case deed::nest_shared: {
        submitted_job job = submit(random, given.depth - 1);
        const std::shared_future<std::uint64_t> shared = job.future.share();
        const order inner = job.what;
        std::thread other{[shared, inner] { check_result(inner, [&shared] { return shared.get(); }); }};
        check_result(inner, [&shared] { return away([&shared] { return background::get(shared); }); });
        away([&other] { other.join(); }); // the result is there: this cannot block for long
        break;
    }
    case deed::nest_promise: {
        std::promise<void> promise;
        ++total.submitted;
        auto fulfils = background::run([&promise, self = counted{objects}] {
            running.enter();
            ++total.ran;
            running.leave();
            promise.set_value();
        });
        away([&promise, &fulfils] {
            background::get(promise.get_future());
            background::get(fulfils); // until set_value() has returned the promise must stay
        });
        break;
    }
    case deed::forget:
        for (int job = 0; job < 3; ++job) submit(random, given.depth - 1);
        break;
    case deed::thread:
        std::thread{[&random, &given] { submit(random, given.depth - 1); }}.join();
        break;
    case deed::resize:
        resize(random);
        break;
    case deed::wait:
        try {
            background::wait();
            complain("wait returned inside a task");
        } catch (const std::system_error&) {}
        break;
    }
}

/// A callable of some size that knows its bytes.
template<std::size_t Size> class body {
public:
    explicit body(const order& given) : given_{given}, self_{objects} { bytes_.fill(mark()); }
    std::uint64_t operator()() {
        struct visit {
            visit() { running.enter(); }
            visit(const visit&) = delete;
            visit& operator=(const visit&) = delete;
            ~visit() { running.leave(); }
        } const here;
        ++total.ran;
        for (const unsigned char byte : bytes_) {
            if (byte != mark()) {
                complain("a callable is damaged");
                break;
            }
        }
        perform(given_);
        return given_.seed;
    }

private:
    unsigned char mark() const { return static_cast<unsigned char>(given_.seed % 251); }

    order given_;
    counted self_;
    std::array<unsigned char, Size> bytes_{};
};

template<std::size_t Size> std::future<std::uint64_t> launch(const order& given, int way) {
    ++total.submitted;
    if (way == 0) return background::run(body<Size>{given});
    if (way == 1) return background::task{body<Size>{given}}();
    const background::task work{body<Size>{given}};
    return work();
}

submitted_job submit(generator& random, int depth) {
    static constexpr std::array always{deed::answer,     deed::answer,    deed::answer, deed::throw_number,
                                       deed::throw_text, deed::throw_own, deed::resize, deed::wait};
    static constexpr std::array nesting{deed::nest,         deed::nest,   deed::nest_shared,
                                        deed::nest_promise, deed::forget, deed::thread};
    order given;
    given.depth = depth;
    given.seed = random();
    if (depth > 0 && below(random, 4) == 0)
        given.what = *(nesting.begin() + static_cast<std::ptrdiff_t>(random() % nesting.size()));
    else
        given.what = always[random() % always.size()];
    const int way = below(random, 3);
    submitted_job job;
    job.what = given;
    switch (below(random, 16)) {
    case 0:
        job.future = launch<100'000>(given, way);
        break;
    case 1:
        job.future = launch<5'000>(given, way);
        break;
    case 2:
    case 3:
        job.future = launch<1'500>(given, way);
        break;
    case 4:
    case 5:
        job.future = launch<200>(given, way);
        break;
    default:
        job.future = launch<1>(given, way);
        break;
    }
    return job;
}

// --- what the submitting threads do ---

void submit_and_read(std::uint64_t seed, int steps) {
    generator random{seed};
    std::vector<submitted_job> kept;
    for (int step = 0; step < steps; ++step) {
        await([] { return background::pending() < enough_pending; });
        switch (below(random, 12)) {
        case 0:
            for (int job = 0; job < 50; ++job) submit(random, 0);
            break;
        case 1: {
            submitted_job job = submit(random, 2);
            check_result(job.what, [&job] { return job.future.get(); });
            break;
        }
        case 2: {
            submitted_job job = submit(random, 2);
            const std::shared_future<std::uint64_t> shared = job.future.share();
            std::thread other{[shared, what = job.what] { check_result(what, [&shared] { return shared.get(); }); }};
            check_result(job.what, [&shared] { return background::get(shared); });
            other.join();
            break;
        }
        case 3:
            std::thread{[&random, &kept] { // a thread that ends at once
                submit(random, 1);
                kept.push_back(submit(random, 1));
            }}
                .join();
            break;
        case 4:
            while (!kept.empty()) {
                submitted_job& job = kept.back();
                check_result(job.what, [&job] { return job.future.get(); });
                kept.pop_back();
            }
            break;
        case 5: {
            submitted_job job = submit(random, 2);
            expect(job.future.wait_for(std::chrono::seconds{0}) != std::future_status::deferred, "a job is deferred");
            break;
        }
        case 6:
            if (below(random, 4) == 0) {
                background::wait();
                ++total.waits;
            }
            break;
        case 7:
            resize(random);
            break;
        case 8:
            submit(random, 3);
            break;
        default:
            kept.push_back(submit(random, 2));
            break;
        }
        if (kept.size() > 100) kept.erase(kept.begin(), kept.begin() + 50);
    }
}

/// One round: everything at once, and then the books must balance.
void run_round(generator& random) {
    static constexpr std::array limits{1, 2, 3, 8};
    running.forget();
    largest_n = limits[random() % limits.size()];
    resize(random);
    std::vector<std::thread> threads;
    for (int submitter = 0; submitter < submitters; ++submitter) {
        threads.emplace_back(submit_and_read, random(), times(400));
    }
    for (auto& thread : threads) thread.join();
    background::wait();
    expect(background::pending() == 0, "jobs are pending after wait");
    expect(total.ran == total.submitted, "not every job ran once");
    expect(total.told == total.submitted, "not every job was told to the callback once");
    expect(total.told_failures == total.threw, "the callback was not told of every exception");
    expect(total.read_failures <= total.read, "more failures were read than results");
    expect(objects.live == 0, "something that a job held is left");
    expect(running.inside() == 0, "a job is still inside");
    expect(running.most() <= largest_n, "more than n jobs ran at the same time");
}

/// Ends the program if it hangs.
class watchdog {
public:
    watchdog(std::chrono::seconds patience, std::uint64_t seed)
        : thread_{[this, patience, seed] {
              std::unique_lock<std::mutex> lock{mutex_};
              if (over_.wait_for(lock, patience, [this] { return done_; })) return;
              std::fprintf(stderr, "stress: it hangs; seed %s, pending %s, submitted %ld, ran %ld\n",
                           std::to_string(seed).c_str(), std::to_string(background::pending()).c_str(),
                           total.submitted.load(), total.ran.load());
              std::abort();
          }} {}
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() {
        {
            const std::lock_guard<std::mutex> lock{mutex_};
            done_ = true;
        }
        over_.notify_one();
        thread_.join();
    }

private:
    std::mutex mutex_{};
    std::condition_variable over_{};
    bool done_ = false; // guarded by mutex_
    std::thread thread_;
};

} // namespace

int main(int argc, char** argv) {
    long seconds = 3;
    std::uint64_t seed = std::random_device{}();
    for (int at = 1; at < argc; at += 2) {
        const bool has_value = at + 1 < argc;
        if (has_value && std::strcmp(argv[at], "--seconds") == 0) {
            seconds = std::strtol(argv[at + 1], nullptr, 10);
        } else if (has_value && std::strcmp(argv[at], "--seed") == 0) {
            seed = std::strtoull(argv[at + 1], nullptr, 10);
        } else {
            std::fprintf(stderr, "usage: %s [--seconds N] [--seed S]\n", argv[0]);
            return 2;
        }
    }
    std::printf("stress: seed %s\n", std::to_string(seed).c_str());
    std::fflush(stdout);
    const watchdog guard{std::chrono::seconds{seconds + 120}, seed};

    background::callback([](std::exception_ptr error) {
        ++total.told;
        if (error) ++total.told_failures;
        if (total.told % 1000 == 0) {
            ++total.submitted;
            background::run([self = counted{objects}] {
                running.enter();
                ++total.ran;
                running.leave();
            });
        }
    });
    background::callback([](std::exception_ptr) { throw 1; });

    generator random{seed};
    long rounds = 0;
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
         rounds == 0 || (std::chrono::steady_clock::now() < end && complaints == 0); ++rounds) {
        run_round(random);
    }
    std::printf("stress: %ld rounds, %ld jobs, %ld threw, %ld read (%ld failures), %ld waited inside jobs, "
                "%ld waits, %ld resizes\n",
                rounds, total.ran.load(), total.threw.load(), total.read.load(), total.read_failures.load(),
                total.nested.load(), total.waits.load(), total.resizes.load());
    if (complaints == 0) return EXIT_SUCCESS;
    std::printf("stress: FAILED, seed %s\n", std::to_string(seed).c_str());
    return EXIT_FAILURE;
}
