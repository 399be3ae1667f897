// A plugin whose symbols are visible shares the pool of its host; one whose symbols are hidden has its own.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "child.hpp"
#include "pool.hpp"
#include "support.hpp"

#include "plugin/library.hpp"

#include <background.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using support::ran_in_a_process_of_its_own;

namespace {

// Held open until the jobs that look at it may end.
std::atomic<bool> door{false};
int held() {
    support::await([] { return door.load(); });
    return 42;
}

std::atomic<int> counted_jobs{0};
int counted() { return ++counted_jobs; }

bool is_mapped(const char* path) {
    void* const open = ::dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    return open != nullptr && ::dlclose(open) == 0;
}

// The exit code of a child that works, with each number of slots, and drains.
int code_of_forked_child() {
    std::cout.flush();
    const pid_t child = ::fork();
    if (child == 0) {
        support::begin_child();
        ::alarm(60);
        if (background::pending() != 0) ::_exit(1);
        for (const int slots : {1, 4}) {
            background::n = slots;
            if (background::run([] { return 42; }).get() != 42) ::_exit(2);
        }
        background::run([] {});
        std::exit(42);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

} // namespace

TEST_CASE("a plugin with visible symbols shares n with its host") {
    const library visible(PLUGIN);
    CHECK(visible->where_n_is() == &background::n);
    visible->assign_n(3);
    CHECK(background::n == 3);
    background::n = 4;
    CHECK(visible->n() == 4);
}

TEST_CASE("a plugin with visible symbols shares the queue and the workers of its host") {
    const library visible(PLUGIN);
    background::n = 1;
    door = false;
    std::vector<std::future<int>> results;
    for (int i = 0; i < 10; ++i) {
        results.push_back(visible->run(held));
        results.push_back(background::run(held));
    }
    CHECK(visible->pending() == 20);
    CHECK(background::pending() == 20);
    door = true;
    visible->wait();
    CHECK(background::pending() == 0);
    for (auto& result : results) CHECK(result.get() == 42);
    static std::thread::id worker;
    const auto who = [] { return worker = std::this_thread::get_id(), 0; };
    background::run(who).get();
    const std::thread::id of_host = worker;
    visible->run(who).get();
    CHECK(worker == of_host);
}

TEST_CASE("a plugin with visible symbols shares the callbacks of its host") {
    static std::atomic<int> called{0};
    const library visible(PLUGIN);
    background::callback([](std::exception_ptr) { ++called; });
    visible->callback([](std::exception_ptr) { called += 100; });
    visible->twice(1).get();
    CHECK(called == 101);
    background::run([] {}).get();
    CHECK(called == 202);
    door = true;
    // What the plugin brought along is called as long as the process lives: the plugin stays, too.
    CHECK(::dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL) != nullptr);
}

TEST_CASE("a plugin is opened and closed while jobs of its host run") {
    background::n = 3;
    door = false;
    std::vector<std::future<int>> results;
    for (int i = 0; i < 2; ++i) results.push_back(background::run(held));
    for (int i = 0; i < 50; ++i) {
        const library visible(PLUGIN);
        CHECK(visible->pending() == 2);
    }
    std::atomic<bool> enough{false};
    int chained = 0;
    std::thread submitting([&] {
        do chained += background::run([] { return 1; }).get();
        while (!enough);
    });
    for (int i = 0; i < 50; ++i) {
        const library visible(PLUGIN);
        CHECK(visible->twice(i).get() == 2 * i);
        background::run([] {}).get(); // has had the one free slot: no worker is in the plugin's code any more
    }
    enough = true;
    submitting.join();
    CHECK(chained > 0);
    door = true;
    for (auto& result : results) CHECK(result.get() == 42);
    background::wait();
    CHECK(background::pending() == 0);
}

TEST_CASE("a plugin that submitted first may be closed after wait(): host, fork and exit go on") {
    if (ran_in_a_process_of_its_own()) return;
    background::n = 4;
    auto visible = std::make_unique<library>(PLUGIN);
    (*visible)->assign_n(2);
    CHECK((*visible)->twice(21).get() == 42);
    (*visible)->wait();
    visible.reset();
    background::n = 8;
    std::atomic<int> arrived{0};
    for (int i = 0; i < 8; ++i) {
        background::run([&arrived] {
            ++arrived;
            support::await([&arrived] { return arrived == 8; });
        });
    }
    background::wait();
    CHECK(arrived == 8);
    CHECK(code_of_forked_child() == 42);
    background::n = 1;
    CHECK(background::run([] { return 42; }).get() == 42);
}

TEST_CASE("a plugin with hidden symbols has a pool of its own and may be closed after wait()") {
    background::n = 3;
    door = false;
    auto result = background::run(held);
    for (int i = 0; i < 20; ++i) {
        const library hidden(HIDDEN_PLUGIN);
        CHECK(hidden->where_n_is() != &background::n);
        CHECK(hidden->pending() == 0);
        hidden->assign_n(1);
        CHECK(hidden->twice(i).get() == 2 * i);
        hidden->wait();
    }
    CHECK(background::n == 3);
    CHECK(background::pending() == 1);
    door = true;
    CHECK(result.get() == 42);
}

TEST_CASE("a plugin with a pool of its own may be opened by a thread that ends") {
    std::unique_ptr<library> hidden;
    std::thread([&hidden] { hidden = std::make_unique<library>(HIDDEN_PLUGIN); }).join();
    static std::thread::id worker;
    hidden->operator->()->run([] { return worker = std::this_thread::get_id(), 0; }).get();
    CHECK(worker != std::this_thread::get_id());
    CHECK((*hidden)->twice(21).get() == 42);
    (*hidden)->wait();
}

TEST_CASE("a plugin submits and waits and is closed fifty times while jobs of its host run") {
    for (const char* path : {PLUGIN, HIDDEN_PLUGIN}) {
        const bool shares = std::string(path) == PLUGIN;
        background::n = 3;
        counted_jobs = 0;
        std::atomic<bool> over{false};
        std::atomic<bool> pausing{false}; // in a shared pool the plugin waits for the host's jobs, too
        std::atomic<int> of_host{0};
        std::vector<std::thread> submitters;
        for (int i = 0; i < 2; ++i) {
            submitters.emplace_back([&] {
                do {
                    support::await([&] { return !pausing || over; });
                    auto outer = background::run([&] {
                        auto inner = background::run(counted);
                        return background::get(inner);
                    });
                    background::run(counted);
                    outer.get();
                    of_host += 2;
                } while (!over);
            });
        }
        int of_plugin = 0;
        const auto use = [&](int round) {
            const library plugin(path);
            plugin->assign_n(1 + round % 4);
            CHECK(plugin->twice(round).get() == 2 * round);
            CHECK(plugin->run(counted).get() > 0);
            for (int job = 0; job < 20; ++job) plugin->run(counted);
            of_plugin += 21;
            pausing = shares;
            plugin->wait();
            if (!shares) CHECK(plugin->pending() == 0);
            pausing = false;
        };
        for (int round = 0; round < 50; ++round) {
            if (round % 2 == 0) {
                use(round);
            } else {
                std::thread(use, round).join();
            }
        }
        over = true;
        for (auto& submitter : submitters) submitter.join();
        background::wait();
        CHECK(counted_jobs == of_plugin + of_host);
        CHECK(of_host > 0);
        CHECK(background::pending() == 0);
        CHECK(code_of_forked_child() == 42);
    }
}

#ifdef __GLIBC__ // which keeps a library while thread-local objects have to be destroyed by it
TEST_CASE("a plugin with a pool of its own stays as long as it has a worker") {
    if (ran_in_a_process_of_its_own()) return;
    static std::atomic<std::thread::id> worker;
    std::unique_ptr<library> hidden;
    std::thread([&hidden] {
        hidden = std::make_unique<library>(HIDDEN_PLUGIN);
        (*hidden)->run([] { return worker = std::this_thread::get_id(), 42; }).get();
        (*hidden)->wait();
    }).join();
    hidden.reset();
    CHECK(is_mapped(HIDDEN_PLUGIN));
    CHECK(code_of_forked_child() == 42);
    const std::thread::id first = worker;
    const library again(HIDDEN_PLUGIN);
    again->run([] { return worker = std::this_thread::get_id(), 42; }).get();
    CHECK(worker == first);
    again->wait();
}

#if !SUPPORT_THREAD_SANITIZER // which takes the plugin's handlers of atexit() for its host's
TEST_CASE("a plugin that has run nothing is gone once it is closed and its host goes on") {
    if (ran_in_a_process_of_its_own()) return;
    for (int round = 0; round < 20; ++round) {
        std::unique_ptr<library> hidden;
        std::thread([&hidden] {
            hidden = std::make_unique<library>(HIDDEN_PLUGIN);
            (*hidden)->assign_n(2);
            (*hidden)->wait();
        }).join();
        CHECK(is_mapped(HIDDEN_PLUGIN));
        hidden.reset();
        CHECK_FALSE(is_mapped(HIDDEN_PLUGIN));
        CHECK(background::run([] { return 42; }).get() == 42);
        if (round % 10 == 0) CHECK(code_of_forked_child() == 42);
    }
}
#endif
#endif

TEST_CASE("jobs of a plugin finish before its host ends, which knows nothing of them") {
    for (const char* path : {PLUGIN, HIDDEN_PLUGIN}) {
        std::string all;
        for (int i = 0; i < 100; ++i) all += "job\n";
        CHECK(child::run("plugin_host", path) == child::exited(7, all));
    }
}
