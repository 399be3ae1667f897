// The one place that knows where Catch2 keeps its header: version 3, else version 2.
// SPDX-License-Identifier: MIT
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#if defined(__clang__) // version 2's macros for templates pass no argument where Clang 17 and later want one
#pragma clang diagnostic ignored "-Wc++20-extensions"
#endif
#endif
