// The second unit of the child program globals.
// SPDX-License-Identifier: MIT
#include "globals.hpp"

namespace {

const mortal second{second_state};
const bool submitted = submit_users();

} // namespace
