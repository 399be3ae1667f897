// The header before or after the real <windows.h>, with all the macros that it brings.
// SPDX-License-Identifier: MIT
#ifdef WINDOWS_BEFORE
#include <windows.h>
#endif

#include <background.hpp>

#ifdef WINDOWS_AFTER
#include <windows.h>
#endif

#include "uses.cpp"
