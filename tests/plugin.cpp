// A plugin whose symbols are visible shares the pool of its host; one whose symbols are hidden has its own.
// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "child.hpp"

#include "plugin/library.hpp"

#include <background.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

// Held open until the jobs that look at it may end.
std::atomic<bool> door{false};
int held() {
    while (!door) std::this_thread::yield();
    return 42;
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
        while (!enough) chained += background::run([] { return 1; }).get();
    });
    for (int i = 0; i < 50; ++i) {
        const library visible(PLUGIN);
        CHECK(visible->twice(i).get() == 2 * i);
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
            for (++arrived; arrived < 8;) std::this_thread::yield();
        });
    }
    background::wait();
    CHECK(arrived == 8);
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(60);
        ::_exit(background::pending() == 0 ? background::run([] { return 42; }).get() : 1);
    }
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 42));
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

TEST_CASE("jobs of a plugin finish before its host ends, which knows nothing of them") {
    for (const char* path : {PLUGIN, HIDDEN_PLUGIN}) {
        std::string all;
        for (int i = 0; i < 100; ++i) all += "job\n";
        CHECK(child::run("plugin_host", path) == child::exited(7, all));
    }
}
