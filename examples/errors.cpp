// Shows where an exception goes: into the future, nowhere if nobody keeps the future, and to every callback.
// SPDX-License-Identifier: MIT

#include <background.hpp>

#include <atomic>
#include <cerrno>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>

int parse_age(const std::string& text) {
    const bool number = !text.empty() && text.size() < 4 && text.find_first_not_of("0123456789") == text.npos;
    const int age = number ? std::stoi(text) : -1;
    if (age < 0 || age > 150) throw std::invalid_argument("'" + text + "' is not an age");
    return age;
}

std::atomic<int> done{0}, failed{0};

void log_failure(std::exception_ptr failure) {
    if (!failure) {
        ++done;
        return;
    }
    ++failed;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        std::cout << "   log: " << error.what() << "\n";
    } catch (...) {
        std::cout << "   log: something that is no std::exception\n";
    }
}

int main() try {
    background::task parse{parse_age};

    std::cout << "1. With a future, get() throws what the job threw:\n";
    auto age = parse("forty");
    try {
        std::cout << "   age " + std::to_string(age.get()) + "\n";
    } catch (const std::invalid_argument& error) {
        std::cout << "   caught: " << error.what() << "\n";
    }

    std::cout << "2. Without one, nothing happens; the pool and the program go on:\n";
    parse("-1");
    std::cout << "   age " << parse("41").get() << "\n";
    background::wait();

    std::cout << "3. A callback hears of every job, so that no failure passes unseen:\n";
    background::n = 1; // one job after the other, for the order of the lines
    background::callback(log_failure);
    parse("42");
    parse("151");
    background::run([] { throw 42; });
    background::callback([](std::exception_ptr) { throw std::runtime_error("a callback's own failure is ignored"); });
    parse("");
    background::wait();
    std::cout << "   " << done << " done, " << failed << " failed" << std::endl;
    if (!std::cout) throw std::runtime_error("cannot print: " + std::generic_category().message(errno));
} catch (const std::system_error& error) { // from the call itself, when no thread can be had: nothing was submitted
    std::cerr << "errors: no thread can be started: " << error.code().message() << "\n";
    return 1;
} catch (const std::exception& error) {
    std::cerr << "errors: " << error.what() << "\n";
    return 1;
}
