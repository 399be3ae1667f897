// Every name of the library used once, in words that no header of others has as macros.
// SPDX-License-Identifier: MIT
#pragma once

#include <background.hpp>

namespace uses_all {

inline int twice_of(int its_value) { return 2 * its_value; }

inline bool use_each_name() {
    background::n = 2;
    background::callback([](std::exception_ptr) {});
    background::task its_task{twice_of};
    std::future<int> its_future = its_task(1);
    std::future<int> its_other = background::task{[](int its_value) { return its_value; }}(2);
    std::shared_future<void> its_shared = background::run([] {}).share();
    std::future<std::string> its_failure = background::run([]() -> std::string { throw 1; });
    background::get(its_shared);
    const int its_sum = background::get(its_future) + its_other.get();
    background::wait();
    return its_sum == 4 && background::n == 2 && background::pending() == 0 && BACKGROUND_VERSION[0] != '0';
}

} // namespace uses_all
