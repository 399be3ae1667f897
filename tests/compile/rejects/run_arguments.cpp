// A job with arguments that its callable does not take: an lvalue reference needs std::ref.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <functional>

int main() {
    int value = 0;
#ifdef CORRECT
    background::run([](int& changed) { changed = 1; }, std::ref(value));
#else
    background::run([](int& changed) { changed = 1; }, value);
#endif
    background::wait();
}
