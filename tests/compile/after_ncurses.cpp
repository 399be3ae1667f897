// The header after the real ones of ncurses, with all the macros that they bring.
// SPDX-License-Identifier: MIT
#include <curses.h>
#include <term.h>

#include "uses_all.hpp"
