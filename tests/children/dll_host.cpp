// Ends while the pool of a DLL that it has loaded is at work: that neither hangs nor changes the exit code.
// SPDX-License-Identifier: MIT
#include "frame.hpp"

#include <windows.h>

// dll_host <dll> [free]: whether it lets go of the DLL before
int main(int count, char** words) {
    const HMODULE dll = ::LoadLibraryA(words[1]);
    frame::demand(dll != nullptr, "the DLL can be loaded");
    const auto address = reinterpret_cast<void (*)()>(::GetProcAddress(dll, "use_pool"));
    frame::demand(address != nullptr, "the DLL has the function");
    const int result = reinterpret_cast<int (*)()>(address)();
    if (count > 2) ::FreeLibrary(dll);
    return result;
}
