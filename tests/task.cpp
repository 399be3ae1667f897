// Proves what background::task and background::run promise about callables, results, copies, order and futures.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "support.hpp"

#include <any>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace support;

namespace {

int add(int left, int right) { return left + right; }

int doubled(int number) noexcept { return 2 * number; }

namespace other_library {

struct number {
    int value;
    int operator()() const { return value; }
};
number half(number whole) { return {whole.value / 2}; }

template<class F, class... Args> std::future<int> run(const F&, const Args&...) {
    std::promise<int> wrong;
    wrong.set_value(-1);
    return wrong.get_future();
}

} // namespace other_library

struct adder {
    int sum = 0;
    int operator()(int number) { return sum += number; }
};

struct account {
    int balance = 7;
    int deposit(int amount) { return balance += amount; }
    int seen() const { return balance; }
    virtual int kind() const { return 1; }
    account() = default;
    account(const account&) = default;
    account(account&&) = default;
    account& operator=(const account&) = default;
    account& operator=(account&&) = default;
    virtual ~account() = default;
};

struct savings : account {
    int kind() const override { return 2; }
};

/// Tells whether it was called as an lvalue or as an rvalue, by its result's type and value.
struct categories {
    int operator()() & { return 1; }
    long operator()() const& { return 2; }
    std::string operator()() && { return "rvalue"; }
    std::string operator()() const&& { return "const rvalue"; }
};

struct argument_categories {
    int operator()(std::string&) const { return 1; }
    long operator()(const std::string&) const { return 2; }
    std::string operator()(std::string&& text) const { return std::move(text); }
};

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

/// Remembers on which thread its copies were made.
struct copied_where {
    copied_where() : thread{} {}
    copied_where(const copied_where&) : thread{std::this_thread::get_id()} {}
    copied_where(copied_where&& other) noexcept : thread{other.thread} {}
    copied_where& operator=(const copied_where&) = delete;
    copied_where& operator=(copied_where&&) = delete;
    ~copied_where() = default;
    std::thread::id thread;
};

/// Fills the only slot until `open()`, so that what is submitted meanwhile stays queued.
class closed_pool {
public:
    closed_pool() {
        background::n = 1;
        job_ = background::run([this] {
            running_.count_down();
            gate_.wait();
        });
        running_.wait();
    }
    void open() {
        gate_.count_down();
        job_.get();
    }

private:
    latch running_{1};
    latch gate_{1};
    std::future<void> job_{};
};

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

template<typename Result, typename F, typename... Args>
constexpr bool results_in =
    std::is_same_v<decltype(background::run(std::declval<F>(), std::declval<Args>()...)), std::future<Result>>&&
        std::is_same_v<decltype(std::declval<background::task<std::decay_t<F>>>()(std::declval<Args>()...)),
                       std::future<Result>>;

} // namespace

TEST_CASE("A call returns a plain std::future of the type that the decayed callable returns for decayed arguments") {
    STATIC_REQUIRE(results_in<int, int (*)(int, int), int, int>);
    STATIC_REQUIRE(results_in<int, decltype(add)&, int, short>);
    STATIC_REQUIRE(results_in<void, void (*)()>);
    STATIC_REQUIRE(results_in<int&, int& (*)()>);
    STATIC_REQUIRE(results_in<const int&, const int& (*)()>);
    STATIC_REQUIRE(results_in<std::unique_ptr<int>, std::unique_ptr<int> (*)()>);
    STATIC_REQUIRE(results_in<std::string, categories&>);
    STATIC_REQUIRE(results_in<std::string, const categories&>);
    STATIC_REQUIRE(results_in<std::string, argument_categories, std::string&>);
    STATIC_REQUIRE(results_in<std::string, argument_categories, const std::string&>);
    STATIC_REQUIRE(results_in<std::string, argument_categories, std::string>);
    STATIC_REQUIRE(std::is_same_v<decltype(background::task{add}), background::task<int (*)(int, int)>>);
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<background::task<adder>&>()(1)), std::future<int>>);
    STATIC_REQUIRE(std::is_same_v<decltype(std::declval<const background::task<adder>&>()(1)), std::future<int>>);
}

TEST_CASE("Functions and pointers to them are callables") {
    background::task sum{add};
    background::task twice{&doubled};
    CHECK(sum(1, 2).get() == 3);
    CHECK(twice(4).get() == 8);
    CHECK(background::run(add, 5, 6).get() == 11);
    CHECK(background::run(&doubled, 7).get() == 14);
}

TEST_CASE("Lambdas are callables") {
    int outer = 20;
    background::task from_outer{[outer](int number) { return outer + number; }};
    CHECK(from_outer(1).get() == 21);
    CHECK(from_outer(2).get() == 22);
    CHECK(background::run([&outer] { return outer; }).get() == 20);
    CHECK(background::run([](auto... numbers) { return (0 + ... + numbers); }, 1, 2, 3, 4, 5, 6, 7, 8, 9).get() == 45);
}

TEST_CASE("A mutable lambda and a functor start from the same state in every call") {
    background::task next{[number = 0]() mutable { return ++number; }};
    CHECK(next().get() == 1);
    CHECK(next().get() == 1);
    background::task sum{adder{10}};
    CHECK(sum(1).get() == 11);
    CHECK(sum(2).get() == 12);
    const background::task unchanging{adder{20}};
    CHECK(unchanging(1).get() == 21);
    CHECK(unchanging(2).get() == 22);
    adder outside{30};
    CHECK(background::run(outside, 1).get() == 31);
    CHECK(outside.sum == 30);
}

TEST_CASE("A union with an operator() is a callable") {
    union tripled {
        int operator()(int number) const { return 3 * number; }
        int unused;
    };
    background::task work{tripled{}};
    CHECK(work(4).get() == 12);
}

TEST_CASE("A std::function is a callable") {
    std::function<int(int)> function = [](int number) { return number + 1; };
    background::task work{function};
    function = nullptr;
    CHECK(work(1).get() == 2);
    CHECK_THROWS_AS(background::run(function, 1).get(), std::bad_function_call);
}

TEST_CASE("std::ref is honoured for callables and arguments") {
    adder outside;
    background::task sum{std::ref(outside)};
    sum(3).get();
    sum(4).get();
    background::run(std::ref(outside), 5).get();
    CHECK(outside.sum == 12);

    std::string text = "a";
    const auto append = [](std::string& to, const char* what) { to += what; };
    background::run(append, std::ref(text), "b").get();
    background::task{append}(std::ref(text), "c").get();
    CHECK(text == "abc");
    const std::string constant = "same";
    CHECK(background::run([](const std::string& seen) { return &seen; }, std::cref(constant)).get() == &constant);
}

TEST_CASE("Pointers to members are callables with an object or a pointer or a reference wrapper or a smart pointer") {
    account owned;
    background::task deposit{&account::deposit};
    CHECK(deposit(&owned, 1).get() == 8);
    CHECK(deposit(std::ref(owned), 1).get() == 9);
    CHECK(background::run(&account::deposit, owned, 1).get() == 10);
    CHECK(owned.balance == 9);
    CHECK(background::run(&account::seen, std::make_unique<account>()).get() == 7);
    CHECK(background::run(&account::seen, std::make_shared<account>()).get() == 7);
    savings derived;
    CHECK(background::run(&account::kind, &derived).get() == 2);

    background::task balance{&account::balance};
    STATIC_REQUIRE(std::is_same_v<decltype(balance(&owned)), std::future<int&>>);
    CHECK(&balance(&owned).get() == &owned.balance);
    CHECK(&background::run(&account::balance, std::ref(owned)).get() == &owned.balance);
}

TEST_CASE("A move-only callable works through an rvalue task and through run") {
    const auto make = [](int number) { return [owned = std::make_unique<int>(number)] { return *owned; }; };
    CHECK(background::task{make(1)}().get() == 1);
    background::task work{make(2)};
    CHECK(std::move(work)().get() == 2);
    CHECK(background::run(make(3)).get() == 3);
    auto named = make(4);
    CHECK(background::run(std::move(named)).get() == 4);
}

TEST_CASE("Move-only arguments are handed over to the job") {
    const auto take = [](std::unique_ptr<int> owned, std::unique_ptr<int>&& more) { return *owned + *more; };
    background::task work{take};
    auto named = std::make_unique<int>(1);
    CHECK(work(std::move(named), std::make_unique<int>(2)).get() == 3);
    CHECK(named == nullptr);
    CHECK(background::run(take, std::make_unique<int>(3), std::make_unique<int>(4)).get() == 7);
}

TEST_CASE("The job invokes the callable and its arguments as rvalues") {
    background::task as_task{categories{}};
    CHECK(as_task().get() == "rvalue");
    const background::task as_const{categories{}};
    CHECK(as_const().get() == "rvalue");
    categories named;
    CHECK(background::run(named).get() == "rvalue");
    std::string text = "moved";
    CHECK(background::run(argument_categories{}, text).get() == "moved");
    CHECK(text == "moved");
    const std::string constant = "constant";
    CHECK(background::task{argument_categories{}}(constant).get() == "constant");
}

TEST_CASE("Arguments are decayed: an array becomes a pointer and a function too") {
    char text[] = "text";
    CHECK(background::run([](auto argument) { return std::is_same_v<decltype(argument), char*>; }, text).get());
    CHECK(background::run([](auto&& argument) { return std::is_same_v<decltype(argument), char*&&>; }, text).get());
    CHECK(background::run([](auto&& function) { return function(2, 3); }, add).get() == 5);
    const int constant = 1;
    CHECK(background::run([](auto&& argument) { return std::is_same_v<decltype(argument), int&&>; }, constant).get());
}

TEST_CASE("Arguments that take anything or that direct the library's own types stay what they are") {
    CHECK(std::any_cast<int>(background::run([](std::any any) { return any; }, std::any(3)).get()) == 3);
    const auto wrapped = background::run([](std::tuple<std::any> any) { return any; }, std::tuple<std::any>(4)).get();
    CHECK(std::any_cast<int>(std::get<0>(wrapped)) == 4);
    CHECK(background::run([](std::allocator_arg_t, int x) { return x; }, std::allocator_arg, 5).get() == 5);
    CHECK(background::run([](std::piecewise_construct_t, std::tuple<int> x) { return std::get<0>(x); },
                          std::piecewise_construct, std::tuple<int>(6))
              .get() == 6);
}

TEST_CASE("A function run() in the namespace of a callable or an argument is not taken for the library's") {
    using other_library::number;
    CHECK(background::task{other_library::half}(number{10}).get().value == 5);
    CHECK(background::task{number{10}}().get() == 10);
    const background::task kept{number{11}};
    CHECK(kept().get() == 11);
    CHECK(background::run(number{12}).get() == 12);
}

TEST_CASE("Callable and arguments are copied on the calling thread before the call returns") {
    closed_pool pool;
    const std::thread::id caller = std::this_thread::get_id();
    copied_where original;
    const auto where = [original](const copied_where& argument) { return std::pair{original.thread, argument.thread}; };
    background::task work{where};
    std::thread::id other_caller;
    std::future<std::pair<std::thread::id, std::thread::id>> elsewhere;
    std::thread{[&] {
        other_caller = std::this_thread::get_id();
        elsewhere = work(original);
    }}.join();
    auto from_task = work(original);
    auto from_run = background::run(where, original);

    int number = 1;
    std::string text = "before";
    auto values =
        background::run([](int argument, std::string word) { return word + std::to_string(argument); }, number, text);
    auto captured = [number] { return number; };
    auto state = background::run(captured);
    number = 2;
    text = "after";
    pool.open();
    CHECK(from_task.get() == std::pair{caller, caller});
    CHECK(from_run.get() == std::pair{caller, caller});
    CHECK(elsewhere.get() == std::pair{other_caller, other_caller});
    CHECK(values.get() == "before1");
    CHECK(state.get() == 1);
}

TEST_CASE("The callable runs on another thread than the caller's") {
    CHECK(background::run([] { return std::this_thread::get_id(); }).get() != std::this_thread::get_id());
    CHECK(background::task{[] { return std::this_thread::get_id(); }}().get() != std::this_thread::get_id());
}

TEST_CASE("Calling an lvalue task copies its callable exactly once") {
    tally callables;
    background::task work{[self = counted{callables}] {}};
    const auto& constant = work;
    CHECK(callables.copies == 0);
    work().get();
    CHECK(callables.copies == 1);
    constant().get();
    CHECK(callables.copies == 2);
    std::move(constant)().get();
    CHECK(callables.copies == 3);
}

TEST_CASE("Calling an rvalue task moves its callable") {
    tally callables;
    background::task work{[self = counted{callables}] {}};
    std::move(work)().get();
    background::task{[self = counted{callables}] {}}().get();
    CHECK(callables.copies == 0);
}

TEST_CASE("run copies an lvalue callable once and moves an rvalue") {
    tally callables;
    const auto work = [self = counted{callables}] {};
    background::run(work).get();
    CHECK(callables.copies == 1);
    auto movable = work;
    CHECK(callables.copies == 2);
    background::run(std::move(movable)).get();
    background::run([self = counted{callables}] {}).get();
    CHECK(callables.copies == 2);
}

TEST_CASE("An lvalue argument is copied once and an rvalue argument is moved") {
    tally arguments;
    counted argument{arguments};
    const auto look = [](const counted&) {};
    const background::task work{look};
    work(argument).get();
    CHECK(arguments.copies == 1);
    background::run(look, argument).get();
    CHECK(arguments.copies == 2);
    background::run([](counted) {}, argument).get();
    CHECK(arguments.copies == 3);
    work(counted{arguments}).get();
    background::run([](counted) {}, counted{arguments}).get();
    background::run([](counted&&) {}, std::move(argument)).get();
    CHECK(arguments.copies == 3);
}

TEMPLATE_TEST_CASE_SIG("Over-aligned callables and arguments and results keep their alignment", "",
                       ((std::size_t Alignment), Alignment), 64, 4096) {
    struct callable : aligned<Alignment> {
        using aligned<Alignment>::aligned;
        aligned<Alignment> operator()(aligned<Alignment>&& argument, char padding) const {
            const bool right = this->placed() && argument.placed() && padding == 'x';
            return aligned<Alignment>{right ? this->value + argument.value : -1};
        }
    };
    const background::task work{callable{1}};
    for (int round = 0; round < 100; ++round) {
        auto padding = background::run([](char c) { return c; }, 'c');
        auto future = work(aligned<Alignment>{round}, 'x').share();
        CHECK(future.get().value == 1 + round);
        CHECK(future.get().placed());
        CHECK(padding.get() == 'c');
    }
}

TEMPLATE_TEST_CASE_SIG("Callables and arguments and results of any size arrive as they were", "",
                       ((std::size_t Size), Size), 1, 100, 1000, 3900, 4000, 4096, 4200, 8192, 65536) {
    std::vector<std::future<bool>> called;
    std::vector<std::future<sized<Size>>> returned;
    for (unsigned char first = 0; first < 20; ++first) {
        called.push_back(background::run(sized<Size>{first}, first));
        returned.push_back(background::task{[](sized<Size> argument) { return argument; }}(sized<Size>{first}));
    }
    for (unsigned char first = 0; first < 20; ++first) {
        CHECK(called[first].get());
        CHECK(returned[first].get().intact(first));
    }
}

TEST_CASE("A callable and an argument and a result of a megabyte work") {
    using large = sized<1 << 20>;
    const auto original = std::make_unique<large>(static_cast<unsigned char>(1));
    CHECK(background::run(*original, static_cast<unsigned char>(1)).get());
    CHECK(background::run([](const large& argument) { return argument.intact(1); }, *original).get());
    auto result = background::run([](const large* source) { return *source; }, original.get()).share();
    CHECK(result.get().intact(1));
}

TEST_CASE("Results may be void or references or move-only or without a default constructor") {
    bool ran = false;
    background::run([&ran] { ran = true; }).get();
    CHECK(ran);
    int variable = 1;
    CHECK(&background::run([&variable]() -> int& { return variable; }).get() == &variable);
    const std::string constant = "constant";
    CHECK(&background::run([&constant]() -> const std::string& { return constant; }).get() == &constant);
    CHECK(*background::run([] { return std::make_unique<int>(5); }).get() == 5);
    CHECK(background::run([] { return adder{6}; }).get().sum == 6);
    CHECK(background::run([] { return aligned<8>{7}; }).get().value == 7);
    CHECK(*background::run([]() -> const std::unique_ptr<int>& {
               static const auto kept = std::make_unique<int>(8);
               return kept;
           }).get() == 8);
}

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

TEST_CASE("Tasks are copyable and movable as their callable is") {
    struct movable {
        std::unique_ptr<int> owned{};
        int operator()() const { return *owned; }
    };
    STATIC_REQUIRE(std::is_copy_constructible_v<background::task<adder>>);
    STATIC_REQUIRE(std::is_copy_assignable_v<background::task<adder>>);
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<background::task<adder>>);
    STATIC_REQUIRE(std::is_nothrow_move_assignable_v<background::task<adder>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<background::task<movable>>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<background::task<movable>>);
    STATIC_REQUIRE(std::is_move_constructible_v<background::task<movable>>);
    STATIC_REQUIRE(std::is_move_assignable_v<background::task<movable>>);

    background::task first{adder{1}};
    background::task<adder> second = first;
    background::task third{adder{3}};
    CHECK(second(1).get() == 2);
    second = third;
    CHECK(second(1).get() == 4);
    CHECK(first(1).get() == 2);
    background::task fourth = std::move(third);
    CHECK(fourth(1).get() == 4);
    background::task owner{movable{std::make_unique<int>(5)}};
    background::task next_owner = std::move(owner);
    CHECK(std::move(next_owner)().get() == 5);
    std::vector<background::task<adder>> tasks(3, first);
    CHECK(tasks.back()(4).get() == 5);
}

TEST_CASE("A const task may be called by many threads at once") {
    struct stateful {
        std::string text = std::string(100, 'x');
        std::size_t operator()(std::size_t more) {
            text.append(more, 'y');
            return text.size();
        }
    };
    const background::task work{stateful{}};
    const int calls = times(2000);
    latch start{4};
    std::atomic<int> right{0};
    std::vector<std::thread> callers;
    for (std::size_t caller = 0; caller < 4; ++caller) {
        callers.emplace_back([&, caller] {
            start.arrive_and_wait();
            std::vector<std::future<std::size_t>> results;
            for (int call = 0; call < calls; ++call) results.push_back(work(caller));
            for (auto& result : results) right += result.get() == 100 + caller;
        });
    }
    for (auto& caller : callers) caller.join();
    CHECK(right == 4 * calls);
}

TEST_CASE("Destroying the future of a running job neither blocks nor cancels it") {
    latch running, gate, finished;
    {
        const auto future = background::run([&] {
            running.count_down();
            gate.wait();
            finished.count_down();
        });
        running.wait();
    } // would wait for the gate for ever, if it blocked
    gate.count_down();
    finished.wait();
    background::wait();
}

TEST_CASE("Destroying the future of a queued job neither blocks nor cancels it") {
    std::atomic<int> ran{0};
    closed_pool pool;
    for (int round = 0; round < 100; ++round) background::run([&ran] { ++ran; });
    background::task work{[&ran](int number) {
        ++ran;
        return number;
    }};
    work(1);
    auto assigned_over = work(2);
    assigned_over = work(3);
    assigned_over = {};
    CHECK(ran == 0);
    pool.open();
    background::wait();
    CHECK(ran == 103);
}

TEST_CASE("A future dropped at any moment harms nothing") {
    const int rounds = times(20000);
    std::atomic<int> ran{0};
    tally objects;
    for (int round = 0; round < rounds; ++round) {
        auto future = background::run([&ran, self = counted{objects}] {
            ++ran;
            return self;
        });
        for (int turn = 0; turn < round % 64; ++turn) static_cast<void>(future.valid());
        if (round % 3 == 0) future.wait();
        if (round % 5 == 0) {
            auto shared = future.share();
            auto other = shared;
            shared = {};
        }
    }
    background::wait();
    CHECK(ran == rounds);
    CHECK(objects.live == 0);
}

TEST_CASE("Everything that the job held is gone when get returns") {
    tally held;
    const background::task work{[self = counted{held}](const counted&, int number) { return number; }};
    for (int round = 0; round < times(10000); ++round) {
        auto future = work(counted{held}, round);
        REQUIRE(future.get() == round);
        REQUIRE(held.live == 1); // the task's own callable
    }
}

TEST_CASE("Everything that the job held is gone when get throws") {
    tally held;
    for (int round = 0; round < times(10000); ++round) {
        auto future = background::run([self = counted{held}](const counted&) { throw 1; }, counted{held});
        REQUIRE_THROWS_AS(future.get(), int);
        REQUIRE(held.live == 0);
    }
}

TEST_CASE("Everything that the job held is gone when its future is ready however one looks at it") {
    tally held;
    for (int round = 0; round < times(3000); ++round) {
        auto future = background::run([self = counted{held}](const counted&) {}, counted{held});
        future.wait();
        REQUIRE(held.live == 0);
        auto shared = background::run([self = counted{held}] { return 1; }).share();
        auto other = shared;
        REQUIRE(other.get() == 1);
        REQUIRE(held.live == 0);
        auto polled = background::run([self = counted{held}] {});
        await([&] { return polled.wait_for(std::chrono::seconds{0}) == std::future_status::ready; });
        REQUIRE(held.live == 0);
        auto inner = background::run([&held] {
            background::get(background::run([self = counted{held}] {}));
            return static_cast<int>(held.live);
        });
        REQUIRE(inner.get() == 0);
    }
}

TEST_CASE("Of the object that the callable returned only the future's is left when the job is over") {
    struct result {
        counted self;
        std::string text = std::string(50, 'r');
    };
    tally results;
    for (int round = 0; round < times(10000); ++round) {
        auto future = background::run([&results] { return result{counted{results}}; }).share();
        future.wait();
        REQUIRE(results.live <= 2); // the future's, and for a moment what was left behind when it was moved there
        REQUIRE(future.get().text == std::string(50, 'r'));
        background::wait();
        REQUIRE(results.live == 1);
        future = {};
        REQUIRE(results.live == 0);
    }
}

TEST_CASE("A job whose future was dropped holds nothing any more once wait returns") {
    struct error {
        counted self;
    };
    tally held;
    for (int round = 0; round < times(3000); ++round) {
        background::run([self = counted{held}](counted&& argument) { return std::move(argument); }, counted{held});
        background::run([self = counted{held}](counted&& argument) { throw error{argument}; }, counted{held});
        background::wait();
        REQUIRE(held.live == 0);
    }
}

TEST_CASE("A job may hold the last reference to something that waits for other jobs") {
    struct waits_at_its_end {
        explicit waits_at_its_end(std::future<int> other) : inner{std::move(other)} {}
        waits_at_its_end(waits_at_its_end&&) = default;
        waits_at_its_end& operator=(waits_at_its_end&&) = default;
        ~waits_at_its_end() {
            if (inner.valid()) background::get(inner);
        }
        std::future<int> inner;
    };
    background::n = 1;
    closed_pool pool;
    std::promise<int> later;
    auto job = background::run([held = waits_at_its_end{later.get_future()}] {});
    auto other = background::run([&later] { later.set_value(1); });
    pool.open();
    job.get();
    other.get();
    background::wait();
}

TEST_CASE("With one slot jobs run in the order of submission") {
    background::n = 1;
    const int jobs = times(20000);
    std::vector<int> order;
    for (int job = 0; job < jobs; ++job) {
        if (job % 3 == 0) background::run([&order, job] { order.push_back(job); });
        if (job % 3 == 1)
            background::run([&order, job, room = sized<3000>{1}] { order.push_back(job + room.bytes[0] - 1); });
        if (job % 3 == 2) background::task{[&order, job](aligned<64>&&) { order.push_back(job); }}(aligned<64>{1});
    }
    background::wait();
    REQUIRE(order.size() == static_cast<std::size_t>(jobs));
    for (int job = 0; job < jobs; ++job) REQUIRE(order[static_cast<std::size_t>(job)] == job);
}

TEST_CASE("Jobs submitted by turns from several threads run in the order of submission") {
    const int rounds = times(2000);
    std::vector<int> order;
    closed_pool pool;
    std::atomic<int> turn{0};
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
        submitters.emplace_back([&, submitter] {
            for (int job = submitter; job < 4 * rounds; job += 4) {
                await([&] { return turn == job; });
                background::run([&order, job] { order.push_back(job); });
                turn = job + 1;
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    pool.open();
    background::wait();
    REQUIRE(order.size() == static_cast<std::size_t>(4 * rounds));
    for (int job = 0; job < 4 * rounds; ++job) REQUIRE(order[static_cast<std::size_t>(job)] == job);
}

TEST_CASE("A job that a job submits runs after those that were queued before") {
    std::string order;
    closed_pool pool;
    background::run([&order] {
        order += 'a';
        background::run([&order] { order += 'd'; });
    });
    background::run([&order] {
        order += 'b';
        background::run([&order] { order += 'e'; });
    });
    background::run([&order] { order += 'c'; });
    pool.open();
    background::wait();
    CHECK(order == "abcde");
}

TEST_CASE("With several slots the jobs that start are the ones submitted first") {
    closed_pool pool;
    gauge started;
    std::array<std::atomic<bool>, 12> ran{};
    std::vector<std::unique_ptr<latch>> gates;
    for (std::size_t job = 0; job < ran.size(); ++job) {
        gates.push_back(std::make_unique<latch>());
        background::run([&started, &mine = ran[job], &gate = *gates.back()] {
            mine = true;
            started.enter();
            gate.wait();
        });
    }
    const auto only_first = [&ran](std::size_t count) {
        for (std::size_t job = 0; job < ran.size(); ++job) {
            if (ran[job] != (job < count)) return false;
        }
        return true;
    };
    background::n = 4; // one slot is the closed pool's
    await([&] { return started.inside() >= 3; });
    CHECK(only_first(3));
    for (std::size_t job = 0; job < 6; ++job) {
        gates[2 - job % 3 + job / 3 * 3]->count_down(); // not in their order
        await([&] { return started.inside() >= static_cast<int>(job) + 4; });
        CHECK(only_first(job + 4));
    }
    for (std::size_t job = 6; job < ran.size(); ++job) gates[job]->count_down();
    pool.open();
    background::wait();
    CHECK(only_first(ran.size()));
}

TEST_CASE("With several slots no job starts before more jobs that were submitted earlier than there are other slots") {
    const int slots = 4;
    background::n = slots;
    const int jobs = times(20000);
    std::atomic<int> starts{0};
    std::vector<int> position(static_cast<std::size_t>(jobs));
    for (int job = 0; job < jobs; ++job) {
        background::run([&starts, &mine = position[static_cast<std::size_t>(job)]] { mine = starts++; });
    }
    background::wait();
    for (int job = 0; job < jobs; ++job) {
        REQUIRE(position[static_cast<std::size_t>(job)] > job - slots);
    }
}

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
    background::callback([&everybody](std::exception_ptr) { everybody.arrive_and_wait(); });
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
    }
    background::wait();
    CHECK(background::pending() == 0);
    CHECK(background::run([] { return 1; }).get() == 1);
}

TEST_CASE("A result whose destructor throws kills nothing and its job ends once") {
    static std::atomic<int> told{0};
    background::callback([](std::exception_ptr) { ++told; });
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

TEST_CASE("The end of a callable or an argument or a result may submit jobs and wait for them") {
    static std::atomic<int> ran, waited, refused;
    struct submits_at_its_end {
        explicit submits_at_its_end(bool awaits) : waits{awaits} {}
        submits_at_its_end(submits_at_its_end&& other) noexcept
            : waits{other.waits}, armed{std::exchange(other.armed, false)} {}
        submits_at_its_end& operator=(submits_at_its_end&&) = delete;
        ~submits_at_its_end() {
            if (!armed) return;
            background::run([] { ++ran; });
            auto last = background::run([] { return ++ran, 1; });
            if (waits) waited += background::get(last);
            try {
                background::wait();
            } catch (const std::system_error&) { // this is a part of the job
                ++refused;
            }
        }
        bool waits;
        bool armed = true;
    };
    for (const int slots : {1, 3}) {
        background::n = slots;
        for (const bool waits : {false, true}) {
            ran = waited = refused = 0;
            std::vector<std::future<void>> kept;
            const int rounds = times(500);
            for (int round = 0; round < rounds; ++round) {
                auto whole = [self = submits_at_its_end{waits}](submits_at_its_end&&) {};
                auto future = background::run(std::move(whole), submits_at_its_end{waits});
                if (round % 2 == 0) kept.push_back(std::move(future));
                const auto dropped = std::make_shared<latch>();
                background::run([dropped, waits] {
                    dropped->wait();
                    return submits_at_its_end{waits};
                });
                dropped->count_down();
            }
            for (auto& future : kept) future.get();
            background::wait();
            CHECK(ran == 2 * 3 * rounds);
            CHECK(waited == (waits ? 3 * rounds : 0));
            CHECK(refused == 3 * rounds);
        }
    }
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

TEST_CASE("A future may be read on another thread and long after its job") {
    std::vector<std::future<std::string>> early;
    for (int job = 0; job < 100; ++job) early.push_back(background::run([job] { return std::to_string(job); }));
    background::wait();
    for (int job = 0; job < times(20000); ++job) background::run([] {});
    background::wait();
    std::vector<std::string> read(early.size());
    std::thread{[&read, moved = std::move(early)]() mutable {
        for (std::size_t job = 0; job < moved.size(); ++job) read[job] = moved[job].get();
    }}.join();
    for (std::size_t job = 0; job < read.size(); ++job) CHECK(read[job] == std::to_string(job));
}

TEST_CASE("A job may be submitted by a thread that ends at once and its future be read by another") {
    std::atomic<int> ran{0};
    const int rounds = times(2000);
    std::vector<std::future<int>> kept;
    for (int round = 0; round < rounds; ++round) {
        std::future<int> future;
        std::thread{[&] {
            future = background::run([&ran] { return ++ran; });
            background::run([&ran] { ++ran; });
        }}.join();
        if (round % 2 == 0)
            CHECK(future.get() > 0);
        else
            kept.push_back(std::move(future));
    }
    background::wait();
    CHECK(ran == 2 * rounds);
    for (auto& future : kept) CHECK(future.get() > 0);
}

TEST_CASE("Jobs may be submitted by the destructors of thread-local objects") {
    static std::atomic<int> ran{0};
    struct submits_at_its_end {
        submits_at_its_end() = default;
        submits_at_its_end(const submits_at_its_end&) = delete;
        submits_at_its_end& operator=(const submits_at_its_end&) = delete;
        ~submits_at_its_end() {
            for (int job = 0; job < 20; ++job) background::run([] { ++ran; });
            ran += background::run([] { return 1; }).get();
        }
    };
#ifdef _WIN32 // where no thread can start while another one ends: what the destructor waits for needs none
    background::n = 1;
    background::run([] {}).get();
#endif
    const int rounds = times(300);
    for (int round = 0; round < rounds; ++round) {
        std::thread{[round] {
            if (round % 2 == 0)
                background::run([] { ++ran; }); // before the thread-local object: it outlives the library's
            thread_local const submits_at_its_end here;
            static_cast<void>(&here);
            if (round % 2 == 1) background::run([] { ++ran; });
        }}.join();
    }
    background::wait();
    CHECK(ran == 22 * rounds);
}

TEST_CASE("Many threads may submit at once and every job runs once") {
    const int jobs = times(20000);
    std::vector<std::unique_ptr<std::atomic<int>>> runs;
    for (int job = 0; job < 4 * jobs; ++job) runs.push_back(std::make_unique<std::atomic<int>>(0));
    latch start{4};
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
        submitters.emplace_back([&, submitter] {
            start.arrive_and_wait();
            for (int job = submitter * jobs; job < (submitter + 1) * jobs; ++job) {
                background::run([&count = *runs[static_cast<std::size_t>(job)]] { ++count; });
            }
        });
    }
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    for (const auto& count : runs) REQUIRE(*count == 1);
}

TEST_CASE("What the submitter did before the call is seen by the job and what the job did by whoever got its result") {
    std::vector<int> plain(100);
    for (int round = 0; round < times(5000); ++round) {
        plain[static_cast<std::size_t>(round % 100)] = round;
        auto future = background::run([&plain, round] {
            const bool seen = plain[static_cast<std::size_t>(round % 100)] == round;
            plain[static_cast<std::size_t>((round + 50) % 100)] = -round;
            return seen;
        });
        REQUIRE(future.get());
        REQUIRE(plain[static_cast<std::size_t>((round + 50) % 100)] == -round);
    }
}
