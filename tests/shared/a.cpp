// One of two units that include the header; the other one looks the same.
// SPDX-License-Identifier: MIT
#include "shared.hpp"

#include <background.hpp>

#include <utility>

const void* a::where_n_is() { return &background::n; }
int a::n() { return background::n; }
void a::assign_n(int limit) { background::n = limit; }
std::uint64_t a::pending() { return background::pending(); }
void a::wait() { background::wait(); }
void a::callback(std::function<void(std::exception_ptr)> called) { background::callback(std::move(called)); }
std::future<int> a::run(std::function<int()> job) { return background::run(std::move(job)); }
int a::get(std::future<int> future) { return background::get(std::move(future)); }
