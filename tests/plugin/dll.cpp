// A DLL with a pool of its own: when the process ends, the system has killed its workers before the DLL learns of it.
// SPDX-License-Identifier: MIT
#include <background.hpp>

extern "C" __declspec(dllexport) int use_pool() {
    const int result = background::run([] { return 7; }).get();
    for (int i = 0; i < 1000; ++i) background::run([] { std::this_thread::yield(); });
    return result;
}
