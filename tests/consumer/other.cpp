// The second translation unit of the consumer.
// SPDX-License-Identifier: MIT
#include <background.hpp>

std::future<int> submit_elsewhere() {
    return background::run([] { return static_cast<int>(background::n); });
}
