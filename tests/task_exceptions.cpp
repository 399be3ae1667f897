// Proves that exceptions leave a job through its future, whatever throws them, and harm nobody else.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>

using namespace support;

namespace {

struct derived_error : std::runtime_error {
    explicit derived_error(int number) : std::runtime_error{"derived"}, code{number} {}
    int code;
};

/// A result whose move throws once it is no longer on its way out of the callable.
struct immovable_after_all {
    immovable_after_all() = default;
    immovable_after_all(const immovable_after_all&) = delete;
    [[noreturn]] immovable_after_all(immovable_after_all&&) { throw derived_error{3}; }
    immovable_after_all& operator=(const immovable_after_all&) = delete;
    [[noreturn]] immovable_after_all& operator=(immovable_after_all&&) { throw derived_error{3}; } // MSVC assigns
    ~immovable_after_all() = default;
};

} // namespace

TEST_CASE("An exception of any type leaves through the future") {
    CHECK_THROWS_AS(background::run([] { throw 1; }).get(), int);
    try {
        background::run([]() -> int { throw std::string{"text"}; }).get();
        FAIL("nothing was thrown");
    } catch (const std::string& text) {
        CHECK(text == "text");
    }
    background::task fail{[](int code) -> std::unique_ptr<int> { throw derived_error{code}; }};
    try {
        fail(42).get();
        FAIL("nothing was thrown");
    } catch (const derived_error& error) {
        CHECK(error.code == 42);
    }
    CHECK_THROWS_AS(fail(1).get(), std::runtime_error);
    CHECK_THROWS_AS(background::run([]() -> int& { throw "characters"; }).get(), const char*);
    CHECK_THROWS_AS(background::run([] { throw std::unique_ptr<int>{}; }).get(), std::unique_ptr<int>);
    const auto shared = fail(7).share();
    CHECK_THROWS_AS(shared.get(), derived_error);
    CHECK_THROWS_AS(shared.get(), derived_error);
    CHECK(background::run([] { return 1; }).get() == 1);
}

// Under ThreadSanitizer, and with winpthreads, a std::promise hangs for ever after a set_value that threw.
#if !SUPPORT_THREAD_SANITIZER && !(defined(__MINGW32__) && defined(__GLIBCXX__))

TEST_CASE("An exception from moving the result reaches the future and the pool goes on") {
    for (int round = 0; round < 100; ++round) {
        auto future = background::run([] { return immovable_after_all{}; });
        future.wait();
        try {
            future.get();
            FAIL("nothing was thrown");
        } catch (const derived_error& error) {
            CHECK(error.code == 3);
        }
    }
    CHECK(background::run([] { return 1; }).get() == 1);
}

#endif

TEST_CASE("A destructor that throws kills nothing and its exception reaches the future") {
    struct throws_at_its_end {
        explicit throws_at_its_end(bool armed_then = false) : will_arm{armed_then} {}
        throws_at_its_end(const throws_at_its_end& other) : will_arm{other.will_arm} {}
        throws_at_its_end& operator=(const throws_at_its_end&) = delete;
        ~throws_at_its_end() noexcept(false) {
            if (armed) throw derived_error{9};
        }
        int operator()() {
            armed = will_arm;
            return 1;
        }
        bool will_arm;
        bool armed = false;
    };
    for (int round = 0; round < 100; ++round) {
        int seen = 0;
        auto callable = background::run(throws_at_its_end{true});
        auto argument = background::run([](throws_at_its_end&& held) { return held(); }, throws_at_its_end{true});
        for (auto* future : {&callable, &argument}) {
            try {
                seen += 10 * future->get();
            } catch (const derived_error& error) {
                seen += error.code == 9;
            }
        }
        background::run(throws_at_its_end{true});
        CHECK(seen == 2);
        const auto fails = [](throws_at_its_end&& held) { throw held(); };
        CHECK_THROWS_AS(background::run(fails, throws_at_its_end{true}).get(), int); // what the job itself threw
    }
    background::wait();
    CHECK(background::pending() == 0);
    CHECK(background::run([] { return 1; }).get() == 1);
}

TEST_CASE("A result whose destructor throws kills nothing and its job ends once") {
    std::atomic<int> told{0};
    const callback_switch here;
    background::callback(here([&told](std::exception_ptr) { ++told; }));
    struct throws_at_its_end {
        explicit throws_at_its_end(bool& thrown) : tells{&thrown} {}
        throws_at_its_end(throws_at_its_end&& other) noexcept : tells{other.tells}, moved{true} {}
        throws_at_its_end(const throws_at_its_end&) = delete;
        throws_at_its_end& operator=(const throws_at_its_end&) = delete;
        ~throws_at_its_end() noexcept(false) {
            if (moved) return;
            *tells = true;
            throw derived_error{9};
        }
        bool* tells;
        bool moved = false;
    };
    background::n = 1;
    for (int round = 0; round < 100; ++round) {
        bool dropped = false, kept = false;
        tally held;
        closed_pool pool;
        const auto work = [self = counted{held}](bool& thrown) { return throws_at_its_end{thrown}; };
        background::run(work, std::ref(dropped));
        auto future = background::run(work, std::ref(kept));
        told = 0;
        pool.open();
        CHECK(future.get().tells == &kept);
        background::wait();
        CHECK((dropped && kept));
        CHECK(told == 3);
        CHECK(held.live == 1);
    }
    CHECK(background::pending() == 0);
    CHECK(background::run([] { return 1; }).get() == 1);
}
