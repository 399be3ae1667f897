// The second unit of the child program before_main.
// SPDX-License-Identifier: MIT
#include "before_main.hpp"

namespace {

const background::task half{[](int x) { return x / 2; }};
const bool assigned = (background::n = 3, true);
std::future<int> submitted = half(84);
const bool waited = (background::wait(), true);

} // namespace

int second_unit() { return assigned && waited ? submitted.get() : -1; }
