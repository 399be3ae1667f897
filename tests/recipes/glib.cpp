// A recipe of the README: results that come back to the main loop of GLib, which is GTK's.
// SPDX-License-Identifier: MIT
#include <background.hpp>

#include <glib.h>

#include <memory>
#include <thread>

namespace {

const std::thread::id main_thread = std::this_thread::get_id();
GMainLoop* const loop = g_main_loop_new(nullptr, FALSE);
int shown = 0;

int compute() { return std::this_thread::get_id() == main_thread ? 0 : 42; }
void show(int answer) {
    shown = std::this_thread::get_id() == main_thread ? answer : 0;
    g_main_loop_quit(loop);
}

gboolean show_answer(gpointer given) { // on the thread of the main loop
    const std::unique_ptr<int> answer{static_cast<int*>(given)};
    show(*answer);
    return G_SOURCE_REMOVE;
}

} // namespace

int main() {
    // GLib: show_answer deletes the int and returns G_SOURCE_REMOVE.
    background::run([] { g_idle_add(show_answer, new int{compute()}); });

    g_main_loop_run(loop);
    background::wait();
    g_main_loop_unref(loop);
    return shown == 42 ? 0 : 1;
}
