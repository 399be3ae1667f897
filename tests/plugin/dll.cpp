// A DLL with a pool of its own: when the process ends, the system has killed its workers before the DLL learns of it.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <atomic>

extern "C" __declspec(dllexport) int use_pool() {
    // All workers are there before the process ends: winpthreads starts a thread under a lock of its own, and a DLL of
    // MinGW takes that lock at its end, with or without this library; who was killed in it keeps the process for ever.
    static std::atomic<int> there{0};
    background::n = 2;
    const auto meet = [] {
        for (++there; there < 2;) std::this_thread::yield();
        return 7;
    };
    std::future<int> other = background::run(meet);
    const int result = background::run(meet).get();
    other.wait();
    for (int i = 0; i < 1000; ++i) background::run([] { std::this_thread::yield(); });
    return result;
}
