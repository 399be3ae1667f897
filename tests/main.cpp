// The main function of every Catch2 program, where Catch2 brings none in a library, and what its cases leave.
// SPDX-License-Identifier: MIT
#if !__has_include(<catch2/catch_all.hpp>)
#ifdef BACKGROUND_CATCH_HAS_MAIN
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#else
#define CATCH_CONFIG_MAIN
#endif
#endif
#include "cases.hpp"
#include "catch.hpp"

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using listener = Catch::EventListenerBase;
#else
using listener = Catch::TestEventListenerBase;
#endif

struct keeps_cases_apart : listener {
    using listener::listener;
    void testCaseStarting(const Catch::TestCaseInfo& started) override {
        listener::testCaseStarting(started);
        support::current_case = started.name;
        if (++support::started_cases == 1) return;
        for (void (*const action)() : support::actions_between_cases()) action();
    }
};
CATCH_REGISTER_LISTENER(keeps_cases_apart)

} // namespace
