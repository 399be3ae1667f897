// The header after the real ones of X11, with all the macros that they bring.
// SPDX-License-Identifier: MIT
#include <X11/Xlib.h>
#include <X11/Xutil.h>

#include "uses_all.hpp"
