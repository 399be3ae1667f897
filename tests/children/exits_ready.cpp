// A job calls exit(7) when what others wait for is there already: they wait for nothing and finish first.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <future>
#include <string>

namespace {

constexpr int waiting = 5;
std::atomic<int> started{0};
std::atomic<int> finished{0};
std::promise<void> promise;

struct witness {
    ~witness() {
        frame::demand(finished == waiting, "a job whose future is ready finishes before static objects die");
        frame::say("they finished first");
    }
};

} // namespace

// exits_ready <n> other|itself|job [plainly]: who makes the future ready: another job or the one that exits, by a
// promise, or a job whose future it is; plainly: they wait in its own get()
int main(int count, char** words) {
    background::n = std::atoi(words[1]);
    const std::string source = words[2];
    const bool plainly = count > 3;
    static frame::gate submitted;
    static std::shared_future<void> awaited = promise.get_future().share();
    static const witness last;
    for (int job = 0; job < waiting; ++job) {
        background::run([plainly] {
            submitted.pass();
            ++started;
            plainly ? awaited.get() : background::get(awaited);
            support::give_way(50);
            ++finished;
        });
    }
    const auto await_others = [] { support::await([] { return started == waiting; }); };
    if (source == "job") awaited = background::run(await_others).share();
    if (source == "other") {
        background::run([await_others] {
            await_others();
            promise.set_value();
        });
    }
    background::run([await_others, by_itself = source == "itself"] {
        await_others();
        if (by_itself) promise.set_value();
        support::await([] { return awaited.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
        std::exit(7);
    });
    submitted.open();
    background::wait();
    return 1;
}
