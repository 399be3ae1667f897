// What the two units of the child program before_main have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include "../frame.hpp"

#include <background.hpp>

extern std::atomic<int> called; // how often the callback of before_main.cpp was
int second_unit();              // the result of a job that before_main_2.cpp submitted before main
