// A program that uses the library from two translation units: the same pool, the same n, and this version.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <cstring>
#include <future>
#include <iostream>

std::future<int> submit_elsewhere();

int main(int, char** arguments) {
    background::n = 3;
    int const seen = submit_elsewhere().get();
    background::wait();
    std::cout << "n is " << seen << ", version " BACKGROUND_VERSION "\n";
    return seen == 3 && std::strcmp(BACKGROUND_VERSION, arguments[1]) == 0 ? 0 : 1;
}
