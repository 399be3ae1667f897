// Starts a child program and tells how it ended: by which exit code or signal, and what it wrote.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <string>

#ifndef _WIN32
#include <sys/wait.h>
#endif

namespace child {

struct outcome {
    int code;           // of the exit; -1 where a signal ended the child
    int signal;         // that ended the child, 0 where it exited
    std::string output; // what it wrote to both of its outputs
};

inline bool operator==(const outcome& a, const outcome& b) {
    return a.code == b.code && a.signal == b.signal && a.output == b.output;
}

inline std::ostream& operator<<(std::ostream& out, const outcome& ended) {
    if (ended.signal != 0) return out << "killed by signal " << ended.signal << ", saying: " << ended.output;
    return out << "exited with code " << ended.code << ", saying: " << ended.output;
}

inline outcome exited(int code, const std::string& output = "") { return {code, 0, output}; }
inline outcome killed(int signal, const std::string& output = "") { return {-1, signal, output}; }

#ifdef _WIN32
inline std::FILE* open(const std::string& path, const std::string& words) {
    return _popen(("\"\"" + path + "\" " + words + " 2>&1\"").c_str(), "r");
}
inline void close(std::FILE* pipe, outcome& ended) { ended.code = _pclose(pipe); }
#else
// The shell hands its process over to the child, so that a signal is seen as one.
inline std::FILE* open(const std::string& path, const std::string& words) {
    return popen(("exec '" + path + "' " + words + " 2>&1").c_str(), "r");
}
inline void close(std::FILE* pipe, outcome& ended) {
    const int status = pclose(pipe);
    if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
    if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
}
#endif

// Runs child_<name> with these words as its arguments, until it has ended and closed its outputs.
inline outcome run(const std::string& name, const std::string& words = "") {
    std::FILE* pipe = open(std::string(CHILDREN) + "/child_" + name, words);
    if (pipe == nullptr) throw std::runtime_error("cannot start child_" + name);
    outcome ended{-1, 0, ""};
    for (int c = std::getc(pipe); c != EOF; c = std::getc(pipe)) ended.output += static_cast<char>(c);
    close(pipe, ended);
    return ended;
}

} // namespace child
