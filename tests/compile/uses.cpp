// Every name of the library in every way it is meant to be used: what the compile tests compile, and run.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

int twice(int value) { return 2 * value; }

struct doubling {
    int operator()(int value) const { return 2 * value; }
};

struct counter {
    int add(int more) {
        total += more;
        return total;
    }
    int total = 0;
};

struct alignas(128) wide {
    unsigned char bytes[4096];
};

bool calls_tasks() {
    int start = 7;
    background::task function{twice};
    background::task lambda{[start](int more) { return start + more; }};
    background::task const changing{[start]() mutable { return start; }};
    background::task functor{doubling{}};
    background::task wrapped{std::function<int(int)>{twice}};
    doubling shared;
    background::task reference{std::ref(shared)};
    background::task member{&counter::add};
    background::task field{&counter::total};
    background::task<doubling> copy = functor;
    copy = functor;
    counter count;

    bool good = function(1).get() == 2 && lambda(1).get() == 8 && changing().get() == 7 && functor(2).get() == 4;
    good = good && wrapped(3).get() == 6 && reference(4).get() == 8 && copy(5).get() == 10;
    good = good && member(&count, 5).get() == 5 && member(std::ref(count), 5).get() == 10 && field(&count).get() == 10;
    return good && background::task{[held = std::make_unique<int>(3)] { return *held; }}().get() == 3;
}

bool runs_jobs() {
    int value = 1;
    std::future<void> nothing = background::run([](int& changed) { changed = 2; }, std::ref(value));
    nothing.get();
    std::future<int&> same = background::run([&value]() -> int& { return value; });
    bool good = value == 2 && &same.get() == &value;
    std::future<std::unique_ptr<int>> moved =
        background::run([](std::unique_ptr<int> held) { return held; }, std::make_unique<int>(5));
    good = good && *moved.get() == 5;
    background::task large{[held = wide{}](wide const& other) { return held.bytes[0] + other.bytes[0]; }};
    good = good && large(wide{}).get() == 0;
    std::future<std::string> failed = background::run([]() -> std::string { throw std::runtime_error("on purpose"); });
    try {
        failed.get();
        return false;
    } catch (std::runtime_error const&) {
        return good;
    }
}

bool gets_futures() {
    std::future<int> one = background::run(twice, 1);
    std::shared_future<int> two = background::run(twice, 2).share();
    std::shared_future<int> const constant = two;
    std::future<void> none = background::run([] {});
    background::get(none);
    int value = 1;
    int& reference = background::get(background::run([&value]() -> int& { return value; }));
    int const nested = background::get(background::run([] { return background::get(background::run(twice, 4)); }));
    return background::get(one) == 2 && background::get(two) == 4 && background::get(constant) == 4 &&
           background::get(background::run(twice, 3)) == 6 && &reference == &value && nested == 8;
}

bool assigns_n() {
    int const before = background::n;
    background::n = static_cast<signed char>(1);
    background::n = static_cast<unsigned short>(2);
    background::n = 3u;
    background::n = 4l;
    background::n = 5ul;
    background::n = 6ll;
    background::n = 7ull;
    background::n = std::size_t{8};
    bool good = background::n == 8;
#if defined(__SIZEOF_INT128__) && !defined(__STRICT_ANSI__)
    __extension__ using widest = __int128;
    background::n = static_cast<widest>(9);
    good = good && background::n == 9;
    background::n = static_cast<widest>(1) << 64;
    good = good && background::n == INT_MAX;
#endif
    background::n = before;
    return good && background::n == before;
}

std::atomic<int> drained{0};

// When static objects go, all jobs have finished.
struct witness {
    ~witness() {
        if (drained != 1000) std::_Exit(1);
    }
};
witness const oldest;

} // namespace

int main() {
    background::callback([](std::exception_ptr const&) {});
    bool const good = calls_tasks() && runs_jobs() && gets_futures() && assigns_n();
    background::wait();
    bool const idle = background::pending() == 0;
    static witness const youngest;
    for (int i = 0; i < 1000; ++i) background::run([] { ++drained; });
#if defined(_WIN32)
    background::wait(); // as there static objects die before the pool drains
#endif
    return good && idle && std::string(BACKGROUND_VERSION) != "" ? 0 : 1;
}
