// What the two units a.cpp and b.cpp both do, so that the test can ask them whether they do it in one pool.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <future>

namespace a {
const void* where_n_is();
int n();
void assign_n(int limit);
std::uint64_t pending();
void wait();
void callback(std::function<void(std::exception_ptr)> called);
std::future<int> run(std::function<int()> job);
int get(std::future<int> future);
} // namespace a

namespace b {
const void* where_n_is();
int n();
void assign_n(int limit);
std::uint64_t pending();
void wait();
void callback(std::function<void(std::exception_ptr)> called);
std::future<int> run(std::function<int()> job);
int get(std::future<int> future);
} // namespace b
