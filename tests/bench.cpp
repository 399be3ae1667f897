// Measures what a job costs, here and with the pools people use instead; prints a table and asserts nothing.
// SPDX-License-Identifier: MIT
//
//     bench [--seconds S] [--rounds R] [--n N] [--only W1,W3] [--markdown]
//
// W0 is the floor, what a future costs without any pool; the other workloads stand below, one function each.
// Every round runs every workload with every peer in turn, A B C A B C, so that a slow minute of the machine hits all
// of them alike. Shown are the median of the rounds, the least and the most, and the ratio to `background`.
// Boost.Asio is compared where its headers are found (or not, with BENCH_ASIO=0), oneTBB where BENCH_TBB=1 says that
// the program is linked with it.

#include <background.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if !defined(BENCH_ASIO)
#if __has_include(<boost/asio/thread_pool.hpp>)
#define BENCH_ASIO 1
#else
#define BENCH_ASIO 0
#endif
#endif
#if BENCH_ASIO
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/version.hpp>
constexpr auto asio_version = ", Boost " BOOST_LIB_VERSION;
#else
constexpr auto asio_version = "";
#endif

#if !defined(BENCH_TBB)
#define BENCH_TBB 0
#endif
#if BENCH_TBB
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/version.h>
constexpr auto tbb_version = ", oneTBB " TBB_VERSION_STRING;
#else
constexpr auto tbb_version = "";
#endif

// ---- The platform: what it does not tell is not a number, and is printed as "-". ----
#if defined(_WIN32)
#if !defined(NOMINMAX)
#define NOMINMAX
#endif
#include <windows.h>

#include <psapi.h>
#elif defined(__GLIBC__)
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>
#endif

namespace platform {

#if defined(_WIN32)
double cpu_seconds() {
    FILETIME created, exited, kernel, user;
    if (!GetProcessTimes(GetCurrentProcess(), &created, &exited, &kernel, &user)) return std::nan("");
    const auto seconds = [](const FILETIME& t) { return 429.4967296 * t.dwHighDateTime + 1e-7 * t.dwLowDateTime; };
    return seconds(kernel) + seconds(user);
}
#else
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
#endif

// From the heap and from the system, after what is free has been given back if `tidy`.
struct memory_use {
    double allocated = std::nan(""), resident = std::nan("");
};
#if defined(_WIN32)
memory_use memory(bool) {
    PROCESS_MEMORY_COUNTERS counters;
    if (!K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters)) return {};
    return {std::nan(""), static_cast<double>(counters.WorkingSetSize)};
}
#elif defined(__GLIBC__)
memory_use memory(bool tidy) {
    if (tidy) malloc_trim(0);
    std::array<char, 128> statm{}; // not by a stream, which allocates
    const int file = open("/proc/self/statm", O_RDONLY);
    const bool known = file >= 0 && read(file, statm.data(), statm.size() - 1) > 0;
    close(file);
    const double pages = known ? std::strtod(std::strchr(statm.data(), ' '), nullptr) : std::nan("");
    const auto heap = mallinfo2();
    return {static_cast<double>(heap.uordblks + heap.hblkhd), pages * static_cast<double>(sysconf(_SC_PAGESIZE))};
}
#else
memory_use memory(bool) { return {}; }
#endif

std::string processor() {
    std::ifstream cpuinfo{"/proc/cpuinfo"};
    for (std::string line; std::getline(cpuinfo, line);)
        if (line.rfind("model name", 0) == 0 || line.rfind("Model", 0) == 0) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

#if defined(__clang__)
constexpr auto compiler = "Clang " __clang_version__;
#elif defined(__GNUC__)
constexpr auto compiler = "GCC " __VERSION__;
#else
constexpr auto compiler = "unknown compiler";
#endif

} // namespace platform

namespace {

// ---- The peers: one adaptor each. ----
// Pool{n} has n workers; submit(f) returns the future; submit_and_drop(f) is the same call without looking at it;
// wait() returns when all is done, the last verb used. enter(f) runs f where the pool wants to be used from.
// `most` keeps a run with a slow peer bearable; it is the largest number of jobs that peer is given at a time.

struct pool_traits {
    static constexpr bool gives_futures = true;
    static constexpr bool queues_jobs = true;
    static constexpr bool waits_before_get = false;
    static constexpr int most = 1'000'000;
    template<class F> void enter(F f) { f(); }
};

struct with_background : pool_traits {
    static constexpr auto name = "background";
    static constexpr int most = 10'000'000;
    explicit with_background(int workers) { background::n = workers; }
    template<class F> auto submit(F f) { return background::run(std::move(f)); }
    template<class F> void submit_and_drop(F f) { background::run(std::move(f)); }
    void wait() { background::wait(); }
};

// A pool that only has `post(f)`, used with std::packaged_task for the futures, or as it is.
template<class Pool, bool Futures> struct with_post : Pool {
    static constexpr bool gives_futures = Futures;
    static constexpr auto name = Futures ? Pool::name_with_futures : Pool::name_without;
    using Pool::Pool;
    template<class F> auto submit(F f) {
        std::packaged_task<std::invoke_result_t<F>()> job(std::move(f));
        auto future = job.get_future();
        this->post(std::move(job));
        return future;
    }
    template<class F> void submit_and_drop(F f) {
        if constexpr (Futures)
            submit(std::move(f));
        else
            this->post(std::move(f));
    }
};

#if BENCH_ASIO
struct asio_pool : pool_traits {
    static constexpr auto name_with_futures = "Asio post, packaged_task";
    static constexpr auto name_without = "Asio post, no future";
    explicit asio_pool(int workers) : pool(static_cast<std::size_t>(workers)) {}
    template<class F> void post(F f) { boost::asio::post(pool, std::move(f)); }
    void wait() { pool.join(); }
    boost::asio::thread_pool pool;
};
#endif

#if BENCH_TBB
// An arena with n workers and room for the threads that submit; who waits in it lends a hand, as TBB means it.
struct tbb_pool : pool_traits {
    static constexpr auto name_with_futures = "TBB run, packaged_task";
    static constexpr auto name_without = "TBB run, no future";
    static constexpr bool waits_before_get = true; // or the queue of the waiting thread is emptied by theft alone
    explicit tbb_pool(int workers)
        : limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(workers) + 1),
          arena(workers + 5, 5) {}
    template<class F> struct runs_const { // TBB calls what it stores as const
        mutable F job;
        void operator()() const { job(); }
    };
    template<class F> void enter(F f) { arena.execute(f); }
    template<class F> void post(F f) { group.run(runs_const<F>{std::move(f)}); }
    void wait() { group.wait(); }
    tbb::global_control limit;
    tbb::task_arena arena;
    tbb::task_group group;
};
#endif

// The pool of the textbooks, as it is found in a thousand programs.
class with_textbook : public pool_traits {
public:
    static constexpr auto name = "mutex + condition variable";
    explicit with_textbook(int workers) {
        for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
    }
    ~with_textbook() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        for (auto& worker : workers_) worker.join();
    }
    template<class F> auto submit(F f) {
        auto job = std::make_shared<std::packaged_task<std::invoke_result_t<F>()>>(std::move(f));
        auto future = job->get_future();
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            jobs_.emplace([job] { (*job)(); });
            ++pending_;
        }
        changed_.notify_one();
        return future;
    }
    template<class F> void submit_and_drop(F f) { submit(std::move(f)); }
    void wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        idle_.wait(lock, [this] { return pending_ == 0; });
    }

private:
    void work() {
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            auto job = std::move(jobs_.front());
            jobs_.pop();
            lock.unlock();
            job();
            job = nullptr;
            lock.lock();
            if (--pending_ == 0) idle_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_, idle_;
    std::queue<std::function<void()>> jobs_; // guarded by mutex_, as are the next two
    std::size_t pending_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> workers_;
};

// A thread per call. Its futures join in their destructor: to be dropped they have to be kept until the end.
class with_async : public pool_traits {
public:
    static constexpr auto name = "std::async";
    static constexpr bool queues_jobs = false;
    static constexpr int most = 2'000;
    explicit with_async(int) {}
    template<class F> auto submit(F f) { return std::async(std::launch::async, std::move(f)); }
    template<class F> void submit_and_drop(F f) {
        auto future = submit(std::move(f));
        const std::lock_guard<std::mutex> lock(mutex_);
        dropped_.push_back(std::move(future));
    }
    void wait() {
        for (std::vector<std::future<void>> batch; take(batch);) batch.clear();
    }

private:
    bool take(std::vector<std::future<void>>& batch) {
        const std::lock_guard<std::mutex> lock(mutex_);
        batch.swap(dropped_);
        return !batch.empty();
    }
    std::mutex mutex_;
    std::vector<std::future<void>> dropped_; // guarded by mutex_
};

// ---- What is measured, and how it is printed. ----

struct settings {
    double seconds = 120; // about how long the whole run may take
    int rounds = 0;       // 0: as many as fit
    int n = 2;
    std::string only;
    bool markdown = false;
    double scale = 1; // what a round is cut down to so that they fit

    template<class Pool> int jobs(int target) const {
        return std::min(std::max(static_cast<int>(target * scale), 16), Pool::most);
    }
    bool wants(const std::string& workload) const {
        return only.empty() || ("," + only + ",").find("," + workload + ",") != only.npos;
    }
};

class stopwatch {
public:
    double ns() const { return std::chrono::duration<double, std::nano>(clock::now() - start_).count(); }

private:
    using clock = std::chrono::steady_clock;
    clock::time_point start_ = clock::now();
};

template<class F> double ns_of(F f) {
    const stopwatch watch;
    f();
    return watch.ns();
}

double quantile(std::vector<double> values, double q) {
    const auto nth = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), nth, values.end());
    return *nth;
}

class results {
public:
    void add(const std::string& measure, const std::string& peer, double value) {
        if (std::isnan(value)) return;
        entry(entry(measures_, measure), peer).push_back(value);
    }

    void print(bool markdown) {
        const auto earlier = [](const auto& a, const auto& b) { return a.first.compare(0, 2, b.first, 0, 2) < 0; };
        std::stable_sort(measures_.begin(), measures_.end(), earlier);
        std::printf(markdown ? "\n| | | median | least - most | ratio |\n|---|---|---|---|---|\n" : "");
        for (const auto& [measure, row] : measures_) {
            if (!markdown) std::printf("\n%-52s %10s %23s %8s\n", measure.c_str(), "median", "least - most", "ratio");
            for (const auto& [peer, values] : row) {
                const auto own = row.front().first == with_background::name ? quantile(row.front().second, 0.5) : 0;
                const auto median = quantile(values, 0.5);
                const auto spread = number(quantile(values, 0)) + " - " + number(quantile(values, 1));
                const auto ratio = own >= 1 ? number(median / own) : "-";
                if (markdown)
                    std::printf("| %s | %s", measure.c_str(), peer.c_str());
                else
                    std::printf("    %-48s", peer.c_str());
                std::printf(markdown ? " | %s | %s | %s |\n" : " %10s %23s %8s\n", number(median).c_str(),
                            spread.c_str(), ratio.c_str());
            }
        }
    }

private:
    template<class T> using by_name = std::vector<std::pair<std::string, T>>; // in the order of first use

    template<class T> static T& entry(by_name<T>& list, const std::string& name) {
        for (auto& [key, value] : list)
            if (key == name) return value;
        return list.emplace_back(name, T{}).second;
    }
    static std::string number(double value) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
        return text.data();
    }

    by_name<by_name<std::vector<double>>> measures_;
};

// Work that takes the same number of instructions wherever it runs; a job that looked at the clock would count the
// time it was preempted as work.
thread_local volatile std::uint64_t sink = 0;

void tiny_work() { sink = sink + 1; }

void busy_work(std::uint64_t steps) {
    std::uint64_t x = sink;
    while (steps-- > 0) x = x * 6364136223846793005u + 1442695040888963407u;
    sink = x;
}

double ns_per_step() {
    constexpr std::uint64_t steps = 200'000;
    std::vector<double> runs(10);
    for (auto& run : runs) run = ns_of([] { busy_work(steps); });
    return quantile(runs, 0) / static_cast<double>(steps);
}

double clock_cost() {
    static const double cost = [] {
        std::vector<double> samples(1001);
        for (auto& sample : samples) sample = ns_of([] {});
        return quantile(samples, 0.5);
    }();
    return cost;
}

// Calls work(pool) with a pool all of whose workers are there, if it can have them all at once.
template<class Pool, class Work> void with(int workers, Work work) {
    std::atomic<int> arrived{0};
    Pool pool{workers};
    pool.enter([&] {
        for (int i = 0; i < workers; ++i)
            pool.submit_and_drop([&arrived, workers] {
                ++arrived;
                for (const stopwatch watch; arrived < workers && watch.ns() < 1e7;) std::this_thread::yield();
            });
        while (arrived < workers) std::this_thread::yield();
        work(pool);
        pool.wait();
    });
}

// ---- The workloads. ----

void floor_of_futures(const settings& s, results& r) {
    const int jobs = s.jobs<with_background>(1'000'000);
    const auto all = [jobs](auto once) {
        return ns_of([&] {
            for (int i = 0; i < jobs; ++i) sink = sink + static_cast<std::uint64_t>(once(i));
        });
    };
    const auto by_promise = [](int i) {
        std::promise<int> promise;
        auto future = promise.get_future();
        promise.set_value(i);
        return future.get();
    };
    const auto by_packaged_task = [](int i) {
        std::packaged_task<int()> task([i] { return i; });
        auto future = task.get_future();
        task();
        return future.get();
    };
    r.add("W0 a future on one thread, ns", "std::promise<int>", all(by_promise) / jobs);
    r.add("W0 a future on one thread, ns", "std::packaged_task<int()>", all(by_packaged_task) / jobs);
}

template<class Pool> double ns_per_dropped_job(int workers, int jobs) {
    double ns = 0;
    with<Pool>(workers, [&](Pool& pool) {
        ns = ns_of([&] {
            for (int i = 0; i < jobs; ++i) pool.submit_and_drop(tiny_work);
            pool.wait();
        });
    });
    return ns / jobs;
}

template<class Pool> void drop_the_futures(const settings& s, results& r) {
    r.add("W1 one thread submits, futures dropped, ns per job", Pool::name,
          ns_per_dropped_job<Pool>(s.n, s.jobs<Pool>(1'000'000)));

    std::vector<double> calls(static_cast<std::size_t>(s.jobs<Pool>(300'000)));
    with<Pool>(s.n, [&](Pool& pool) {
        for (auto& call : calls) call = ns_of([&] { pool.submit_and_drop(tiny_work); });
    });
    r.add("W1 cost of one call, median, ns", Pool::name, quantile(calls, 0.5) - clock_cost());
    r.add("W1 cost of one call, p99, ns", Pool::name, quantile(calls, 0.99) - clock_cost());
    r.add("W1 cost of one call, p99.9, ns", Pool::name, quantile(calls, 0.999) - clock_cost());
}

template<class Pool> void submit_and_get(const settings& s, results& r) {
    if constexpr (Pool::gives_futures) {
        std::vector<double> trips(static_cast<std::size_t>(s.jobs<Pool>(10'000)));
        double sum = 0;
        with<Pool>(s.n, [&](Pool& pool) {
            for (auto& trip : trips) {
                trip = ns_of([&] { sink = sink + static_cast<std::uint64_t>(pool.submit([] { return 1; }).get()); });
                sum += trip - clock_cost();
            }
        });
        r.add("W2 submit and get, mean, ns", Pool::name, sum / static_cast<double>(trips.size()));
        r.add("W2 submit and get, median, ns", Pool::name, quantile(trips, 0.5) - clock_cost());
        r.add("W2 submit and get, p99, ns", Pool::name, quantile(trips, 0.99) - clock_cost());
    }
}

// Beside one endless loop a processor, of the same priority: what laptops, CI and shared servers are.
template<class Pool> void submit_and_get_busy(const settings& s, results& r) {
    if constexpr (Pool::gives_futures) {
        std::atomic<bool> over{false};
        std::vector<std::thread> loops;
        for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
            loops.emplace_back([&over] {
                while (!over.load(std::memory_order_relaxed)) {}
            });
        const int trips = s.jobs<Pool>(10'000);
        with<Pool>(s.n, [&](Pool& pool) {
            const stopwatch watch;
            for (int i = 0; i < trips; ++i)
                sink = sink + static_cast<std::uint64_t>(pool.submit([] { return 1; }).get());
            r.add("W2 the same on a busy machine, mean, ns", Pool::name, watch.ns() / trips);
        });
        over = true;
        for (auto& loop : loops) loop.join();
    }
}

// How soon jobs that mostly wait all run.
template<class Pool> void fan_out(const settings&, results& r) {
    if constexpr (Pool::gives_futures) {
        std::vector<double> last;
        with<Pool>(32, [&](Pool& pool) {
            for (int round = 0; round < 60; ++round) {
                std::this_thread::sleep_for(std::chrono::milliseconds(3)); // all workers are parked
                std::array<double, 32> starts{};
                std::vector<std::future<void>> jobs;
                const stopwatch watch;
                for (auto& start : starts)
                    jobs.push_back(pool.submit([&watch, &start] {
                        start = watch.ns();
                        std::this_thread::sleep_for(std::chrono::milliseconds(2));
                    }));
                if (Pool::waits_before_get) pool.wait();
                for (auto& job : jobs) job.get();
                if (round >= 10) last.push_back(*std::max_element(starts.begin(), starts.end()) / 1000);
            }
        });
        r.add("W10 until 32 parked workers are all at work, us", Pool::name, quantile(last, 0.5));
    }
}

template<class Pool> void read_all_results(const settings& s, results& r) {
    if constexpr (Pool::gives_futures) {
        const int jobs = s.jobs<Pool>(100'000);
        std::vector<std::future<int>> futures;
        futures.reserve(static_cast<std::size_t>(jobs));
        with<Pool>(s.n, [&](Pool& pool) {
            const stopwatch watch;
            for (int i = 0; i < jobs; ++i) futures.push_back(pool.submit([i] { return i; }));
            if (Pool::waits_before_get) pool.wait();
            for (auto& future : futures) sink = sink + static_cast<std::uint64_t>(future.get());
            r.add("W3 all submitted, then all read, ns per job", Pool::name, watch.ns() / jobs);
        });
    }
}

template<class Pool> void four_submitters(const settings& s, results& r) {
    const int each = s.jobs<Pool>(1'000'000) / 4;
    with<Pool>(s.n, [&](Pool& pool) {
        std::atomic<int> ready{0};
        std::vector<std::thread> submitters;
        for (int t = 0; t < 4; ++t)
            submitters.emplace_back([&] {
                pool.enter([&] {
                    for (++ready; ready < 5;) std::this_thread::yield();
                    for (int i = 0; i < each; ++i) pool.submit_and_drop(tiny_work);
                });
            });
        while (ready < 4) std::this_thread::yield();
        const stopwatch watch;
        ++ready;
        for (auto& submitter : submitters) submitter.join();
        pool.wait();
        r.add("W4 four threads submit, futures dropped, ns per job", Pool::name, watch.ns() / (4 * each));
    });
}

template<class Pool> struct branch {
    Pool* pool;
    std::atomic<int>* leaves;
    int depth;
    void operator()() const {
        if (depth == 0) leaves->fetch_sub(1, std::memory_order_relaxed);
        for (int i = 0; i < 2 && depth > 0; ++i) pool->submit_and_drop(branch{pool, leaves, depth - 1});
    }
};

template<class Pool> void jobs_submit_jobs(const settings& s, results& r) {
    int depth = 0;
    while (depth < 19 && (4 << depth) <= s.jobs<Pool>(1 << 20)) ++depth;
    std::atomic<int> leaves{1 << depth};
    with<Pool>(s.n, [&](Pool& pool) {
        const auto ns = ns_of([&] {
            pool.submit_and_drop(branch<Pool>{&pool, &leaves, depth});
            pool.wait();
        });
        r.add("W5 jobs submit two jobs each, ns per job", Pool::name, ns / ((2 << depth) - 1));
    });
    if (leaves != 0) std::fprintf(stderr, "bench: %s lost %d leaves\n", Pool::name, leaves.load());
}

template<class Pool> void idle(const settings& s, results& r) {
    if constexpr (Pool::queues_jobs && Pool::gives_futures) {
        with<Pool>(s.n, [&](Pool&) {
            std::this_thread::sleep_for(
                std::chrono::milliseconds(5)); // a pool may look for work a little before it rests
            const stopwatch watch;
            const double before = platform::cpu_seconds();
            std::this_thread::sleep_for(std::chrono::duration<double>(s.scale));
            const double used = platform::cpu_seconds() - before;
            r.add("W6 CPU used in an idle second, microseconds", Pool::name, used * 1e15 / watch.ns());
        });
    }
}

template<class Pool> void efficiency(const settings& s, results& r) {
    const int cores = std::min(s.n, std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
    for (const int microseconds : {1, 10, 100}) {
        const int jobs = s.jobs<Pool>(cores * 100'000 / microseconds);
        const auto steps = static_cast<std::uint64_t>(1000 * microseconds / ns_per_step());
        with<Pool>(s.n, [&](Pool& pool) {
            const auto ns = ns_of([&] {
                for (int i = 0; i < jobs; ++i) pool.submit_and_drop([steps] { busy_work(steps); });
                pool.wait();
            });
            r.add("W7 efficiency, jobs of " + std::to_string(microseconds) + " microseconds, %", Pool::name,
                  1e5 * microseconds * jobs / (ns * cores));
        });
    }
}

template<class Pool> void memory_of_the_queue(const settings& s, results& r) {
    if constexpr (Pool::queues_jobs && Pool::gives_futures) {
        struct job {
            std::array<char, 32> payload;
            void operator()() const { sink = sink + static_cast<unsigned char>(payload[0]); }
        };
        const int jobs = s.jobs<Pool>(200'000);
        std::promise<void> gate;
        std::atomic<int> held{0};
        with<Pool>(s.n, [&](Pool& pool) {
            const auto open = gate.get_future().share();
            for (int i = 0; i < s.n; ++i)
                pool.submit_and_drop([&held, open] {
                    ++held;
                    open.wait();
                });
            while (held < s.n) std::this_thread::yield();
            const auto before = platform::memory(true);
            for (int i = 0; i < jobs; ++i) pool.submit_and_drop(job{});
            const auto full = platform::memory(false);
            gate.set_value();
            pool.wait();
            const auto after = platform::memory(true);
            r.add("W8 bytes allocated per queued job", Pool::name, (full.allocated - before.allocated) / jobs);
            r.add("W8 bytes resident per queued job", Pool::name, (full.resident - before.resident) / jobs);
            r.add("W8 bytes still allocated per job afterwards", Pool::name,
                  (after.allocated - before.allocated) / jobs);
            r.add("W8 bytes still resident, the heap trimmed", Pool::name, (after.resident - before.resident) / jobs);
        });
    }
}

template<class Pool> void growth(const settings& s, results& r) {
    if constexpr (Pool::queues_jobs && Pool::gives_futures) {
        for (int jobs = 1000, power = 3; jobs <= s.jobs<Pool>(10'000'000); jobs *= 10, ++power) {
            std::vector<double> runs(static_cast<std::size_t>(std::max(1, std::min(20, s.jobs<Pool>(100'000) / jobs))));
            for (auto& run : runs) run = ns_per_dropped_job<Pool>(s.n, jobs);
            r.add("W9 10^" + std::to_string(power) + " jobs, ns per job", Pool::name, quantile(runs, 0.5));
        }
        for (int workers = 1; workers <= 64; workers *= 2)
            r.add("W9 n = " + std::to_string(workers) + ", ns per job", Pool::name,
                  ns_per_dropped_job<Pool>(workers, s.jobs<Pool>(100'000)));
    }
}

// ---- The run. ----

struct workload {
    const char* id;
    std::vector<void (*)(const settings&, results&)> with; // one for each peer
};

template<class... Pools> std::vector<workload> compare() {
    // W8 comes first: a pool that keeps what it once had from the system must not have had it from an earlier workload.
    return {{"W8", {memory_of_the_queue<Pools>...}}, {"W0", {floor_of_futures}},
            {"W1", {drop_the_futures<Pools>...}},    {"W2", {submit_and_get<Pools>...}},
            {"W3", {read_all_results<Pools>...}},    {"W4", {four_submitters<Pools>...}},
            {"W5", {jobs_submit_jobs<Pools>...}},    {"W6", {idle<Pools>...}},
            {"W7", {efficiency<Pools>...}},          {"W9", {growth<Pools>...}},
            {"W2", {submit_and_get_busy<Pools>...}}, {"W10", {fan_out<Pools>...}}};
}

const auto workloads = compare<with_background,
#if BENCH_TBB
                               with_post<tbb_pool, true>, with_post<tbb_pool, false>,
#endif
#if BENCH_ASIO
                               with_post<asio_pool, true>, with_post<asio_pool, false>,
#endif
                               with_textbook, with_async>();

[[noreturn]] void refuse(const std::string& what) {
    std::fprintf(stderr, "bench: %s\nusage: bench [--seconds S] [--rounds R] [--n N] [--only W1,W3] [--markdown]\n",
                 what.c_str());
    std::exit(2);
}

double positive(const std::string& option, const char* text) {
    char* end = nullptr;
    const double value = text == nullptr ? 0 : std::strtod(text, &end);
    if (!(value > 0) || value > 1e6 || *end != '\0') refuse(option + " takes a number from 1 to 10^6");
    return value;
}

settings read_command_line(char** argument) {
    settings s;
    for (++argument; *argument != nullptr; ++argument) {
        const std::string option = *argument;
        if (option == "--markdown") {
            s.markdown = true;
            continue;
        }
        const char* const value = *(argument + 1);
        if (option == "--seconds")
            s.seconds = positive(option, value);
        else if (option == "--rounds")
            s.rounds = static_cast<int>(std::ceil(positive(option, value)));
        else if (option == "--n")
            s.n = static_cast<int>(std::ceil(positive(option, value)));
        else if (option == "--only" && value != nullptr)
            s.only = value;
        else
            refuse("what is '" + option + "'?");
        ++argument;
    }
    if (std::none_of(workloads.begin(), workloads.end(), [&s](const workload& w) { return s.wants(w.id); }))
        refuse("--only takes some of W0 to W10, with commas between them");
    constexpr double one_round = 40; // seconds, all workloads with all peers at full size
    if (s.rounds == 0) s.rounds = s.seconds >= 3 * one_round ? static_cast<int>(s.seconds / one_round) : 1;
    s.scale = std::min(1.0, s.seconds / (one_round * s.rounds));
    return s;
}

} // namespace

int main(int, char** argv) {
    const settings s = read_command_line(argv);
    results r;
    for (int round = 0; round < s.rounds; ++round)
        for (const auto& [id, with] : workloads)
            for (const auto run : with)
                if (s.wants(id) && (round == 0 || with != workloads.front().with)) run(s, r);

    std::printf("%s, %u cores; %s%s%s\n", platform::processor().c_str(), std::thread::hardware_concurrency(),
                platform::compiler, asio_version, tbb_version);
    std::printf("n = %d, %d rounds, %.3g of the full number of jobs; median, least and most of the rounds\n", s.n,
                s.rounds, s.scale);
    r.print(s.markdown);
    std::printf("\nThe %.0f ns that one reading of the clock costs are subtracted wherever single calls are timed.\n",
                clock_cost());
}
