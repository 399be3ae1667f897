// A program without the header opens a plugin that has it, and returns from main while the plugin's jobs are queued.
// SPDX-License-Identifier: MIT
#include "../plugin/library.hpp"

#include "frame.hpp"

// plugin_host <path>
int main(int, char** words) {
    static const library plugin(words[1]);
    plugin->assign_n(2);
    plugin->say("job", 100);
    return 7;
}
