// The second unit of the child program after_drain.
// SPDX-License-Identifier: MIT
#include "after_drain.hpp"

namespace {

const submits_late second{"second"};

} // namespace
