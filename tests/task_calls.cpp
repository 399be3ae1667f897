// Proves what background::task and background::run promise about callables and how they are called.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include "catch.hpp"
#include "pool.hpp"
#include "support.hpp"

#include <any>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

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
