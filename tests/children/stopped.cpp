// Works hard until its input ends and tells of its progress when asked: the parent stops and continues it meanwhile.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include "../support.hpp"

#include <background.hpp>

#include <future>
#include <vector>

namespace {

std::atomic<long> submitted{0};
std::atomic<long> ran{0};

void work() {
    ++submitted;
    background::run([] { ++ran; });
}

void submit_and_wait(int round) {
    std::vector<std::future<void>> kept;
    for (int job = 0; job < 20; ++job) {
        work();
        kept.push_back(background::run([] {
            auto inner = background::run(work);
            background::get(inner);
        }));
    }
    for (auto& future : kept) future.get();
    if (round % 4 == 0) background::n = 1 + round / 4 % 4;
    if (round % 5 == 0) background::wait();
}

} // namespace

// Its input is one end of a pair of sockets: for each byte that it reads it writes one when more jobs have run.
int main() {
    static const struct witness {
        ~witness() { frame::demand(ran == submitted, "every job ran before the end"); }
    } last;
    std::atomic<bool> over{false};
    std::vector<std::thread> submitters;
    for (int i = 0; i < 2; ++i) {
        submitters.emplace_back([&over] {
            for (int round = 0; !over; ++round) submit_and_wait(round);
        });
    }
    for (char question = 0; ::read(0, &question, 1) == 1;) {
        ::alarm(60); // the time limit is for one answer, however slow the machine
        const long before = ran;
        support::await([before] { return ran > before + support::times(100); });
        frame::demand(::write(0, &question, 1) == 1, "the parent listens");
    }
    over = true;
    for (auto& submitter : submitters) submitter.join();
    background::wait();
    frame::demand(ran == submitted && background::pending() == 0, "every job ran before wait() returned");
    for (int job = 0; job < 1000; ++job) work();
    return 7;
}
