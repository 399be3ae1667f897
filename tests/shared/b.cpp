// One of two units that include the header; the other one looks the same.
// SPDX-License-Identifier: MIT
#include "shared.hpp"

#include <background.hpp>

#include <utility>

const void* b::where_n_is() { return &background::n; }
int b::n() { return background::n; }
void b::assign_n(int limit) { background::n = limit; }
std::uint64_t b::pending() { return background::pending(); }
void b::wait() { background::wait(); }
void b::callback(std::function<void(std::exception_ptr)> called) { background::callback(std::move(called)); }
std::future<int> b::run(std::function<int()> job) { return background::run(std::move(job)); }
int b::get(std::future<int> future) { return background::get(std::move(future)); }
