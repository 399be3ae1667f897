// Thread-local destructors of main and handlers of atexit() submit; some come before the drain, some after it.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

namespace {

void submit(const char* name);

class caller {
public:
    explicit caller(const char* name) : name_(name) {}
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;
    ~caller() { submit(name_); }
    const char* name() const { return name_; }

private:
    const char* name_;
};

// Made before the header has a chance to make anything of its own, hence outlives all of that.
caller& oldest() { // no thread-local of the namespace: MSVC makes those on every thread
    thread_local caller here{"oldest thread-local"};
    return here;
}
const bool made = oldest().name() != nullptr && std::atexit([] { submit("oldest handler"); }) == 0;

} // namespace

#include <background.hpp>

namespace {

std::atomic<int> finished{0};

void submit(const char* name) {
    const int before = finished;
    for (int i = 0; i < 2; ++i) {
        background::run([] {
            support::give_way(20);
            ++finished;
        });
    }
    background::wait();
    frame::demand(finished == before + 2, "wait() in a late caller waits");
    background::run([] { ++finished; }).get();
    frame::demand(finished == before + 3, "get() in a late caller waits");
    background::run([name] { frame::say(std::string("a job of the ") + name); });
}

} // namespace

// late_callers unused|used|thread: who submits besides: nobody, main, or a thread with a late caller of its own
int main(int, char** words) {
    const std::string how = words[1];
    if (how == "used") background::run([] {}).get();
    if (how == "thread") {
#ifdef _WIN32 // where no thread can start while another one ends: what the destructor waits for needs none
        background::n = 1;
        background::run([] {}).get();
#endif
        std::thread([] {
            thread_local caller older{"thread-local of a thread"};
            background::run([] {}).get();
        }).join();
        background::wait();
    }
    thread_local caller youngest{"youngest thread-local"};
    std::atexit([] { submit("youngest handler"); });
    return made ? 7 : 1;
}
