// A program without the header opens a plugin that has it, and returns from main while the plugin's jobs are queued.
// SPDX-License-Identifier: MIT
#include "../plugin/library.hpp"

#include "frame.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAK_CHECKED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define LEAK_CHECKED
#endif
#ifdef LEAK_CHECKED // the checkers of Clang 14 and GCC 12 crash over the thread-local objects of a closed library
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return 1; }
#endif

// plugin_host <path>
int main(int, char** words) {
    static const library plugin(words[1]);
    plugin->assign_n(2);
    plugin->say("job", 100);
    return 7;
}
