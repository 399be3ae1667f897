// What a plugin offers its host: the names of background, called from the plugin's own code.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <future>

struct plugin_names {
    const void* (*where_n_is)();
    int (*n)();
    void (*assign_n)(int limit);
    std::size_t (*pending)();
    void (*wait)();
    void (*callback)(void (*called)(std::exception_ptr));
    std::future<int> (*run)(int (*job)());     // the host's code
    std::future<int> (*twice)(int x);          // a task of the plugin
    void (*say)(const char* words, int times); // prints in as many jobs, whose futures are dropped
};

// The one symbol of a plugin.
extern "C" __attribute__((visibility("default"))) const plugin_names* plugin();
