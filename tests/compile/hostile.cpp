// The header after macros with names that other headers are known to define; what it includes came before them.
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

#include "uses.cpp"
