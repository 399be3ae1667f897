// What the sanitizers ask a program: what they are not to tell of. Linked into every program under a sanitizer.
// SPDX-License-Identifier: MIT
#include "support.hpp"

#if SUPPORT_THREAD_SANITIZER
// The standard library's binary counts the owners of an exception unseen by ThreadSanitizer, which then takes the last
// owner's clean-up for a race with the others' reading: std::promise and std::thread alone show the same. The words of
// a std::logic_error, or of a std::future_error, go with it. Not inline, else it loses against Clang's empty one.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "race:std::__exception_ptr::exception_ptr::_M_release\nrace:__cxa_decrement_exception_refcount\nrace:std::"
           "logic_error::~logic_error\n";
}
#endif

#if SUPPORT_ADDRESS_SANITIZER
// What the threads of the parent held looks leaked in a child, where those threads and their stacks are gone.
extern "C" __attribute__((visibility("default"))) int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return support::in_child; }
#endif
