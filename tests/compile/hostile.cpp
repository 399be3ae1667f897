// The header after macros that windows.h, Qt, X11 and curses define; what it includes came before them.
// SPDX-License-Identifier: MIT
#include "what_the_header_includes.hpp"

#include <functional>
#include <memory>

#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define small char
#define near
#define far
#define interface struct
#define ERROR 0
#define IN
#define OUT
#define OPTIONAL
#define TRUE 1
#define FALSE 0
#define DELETE 0x10000
#define NO_ERROR 0
#define WAIT_OBJECT_0 0
#define CALLBACK
#define THIS void
#define VOID void
#define CONST const
#define ABSOLUTE 1
#define RELATIVE 2
#define Yield()

// Qt
#define slots
#define signals public
#define emit
#define foreach(variable, container) for (variable : container)
#define forever for (;;)
#define Q_SLOTS
#define Q_EMIT

// X11
#define None 0L
#define Bool int
#define Status int
#define True 1
#define False 0
#define Always 2
#define Success 0
#define Unsorted 0
#define Complex 0
#define Above 0
#define Below 1
#define KeyPress 2
#define FocusIn 9
#define ParentRelative 1L
#define CurrentTime 0L
#define CursorShape 0
#define ControlMask 4
#define AllValues 15
#define GrayScale 1

// curses
#define OK (0)
#define ERR (-1)
#define COLORS 8
#define LINES 24
#define COLS 80
#define getch() 0
#define addch(c) (c)
#define instr(s) (s)
#define scroll(win) 0
#define chgat(n, a, c, o) 0
#define timeout(delay) (delay)
#define box(win, v, h) 0

#include "uses.cpp"
