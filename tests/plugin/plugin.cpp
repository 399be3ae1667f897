// A plugin that includes the header; built once with visible symbols, once with hidden ones.
// SPDX-License-Identifier: MIT
#include "plugin.hpp"

#include <background.hpp>

#include <cstdio>

namespace {

const background::task doubled{[](int x) { return 2 * x; }};

void say(const char* words, int times) {
    for (int i = 0; i < times; ++i) background::run([words] { std::puts(words); });
}

const plugin_names names{
    []() -> const void* { return &background::n; },
    []() -> int { return background::n; },
    [](int limit) { background::n = limit; },
    [] { return background::pending(); },
    [] { background::wait(); },
    [](void (*called)(std::exception_ptr)) { background::callback(called); },
    [](int (*job)()) { return background::run(job); },
    [](int x) { return doubled(x); },
    say,
};

} // namespace

const plugin_names* plugin() { return &names; }
