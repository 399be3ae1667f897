// The header, and a use of it, after the user's own declarations, which check.cmake writes.
// SPDX-License-Identifier: MIT
#include "uses_all.hpp"
