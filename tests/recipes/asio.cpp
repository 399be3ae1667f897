// A recipe of the README: results that come back to the loop of Asio, Boost's or, with ASIO_STANDALONE, the other one.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#ifdef ASIO_STANDALONE
#include <asio.hpp>
#else
#include <boost/asio.hpp>
namespace asio = boost::asio;
#endif

#include <thread>

int main() {
    const std::thread::id main_thread = std::this_thread::get_id();
    int shown = 0;
    const auto compute = [main_thread] { return std::this_thread::get_id() == main_thread ? 0 : 42; };
    const auto show = [&](int answer) { shown = std::this_thread::get_id() == main_thread ? answer : 0; };

    asio::io_context loop;

    // Asio: loop.run() does not return while there is a guard.
    background::run([&loop, compute, show, guard = asio::make_work_guard(loop)] {
        asio::post(loop, [show, answer = compute()] { show(answer); });
    });

    loop.run();
    background::wait();
    return shown == 42 ? 0 : 1;
}
