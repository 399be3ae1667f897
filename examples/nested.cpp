// Shows jobs that wait for jobs: the size of a folder is the sum of its folders', each a job of its own, and n is 1.
// SPDX-License-Identifier: MIT
//
//     nested [--] [FOLDER]    without one it measures the folder it is started in

#include <background.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace fs = std::filesystem;

struct folder_size {
    std::uintmax_t bytes = 0, files = 0;
    int depth = 0;
};

folder_size measure(const fs::path& folder) {
    folder_size sum;
    std::vector<std::future<folder_size>> inner;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.is_symlink()) continue;
        if (entry.is_directory())
            inner.push_back(background::run(measure, entry.path()));
        else if (entry.is_regular_file())
            sum.bytes += entry.file_size(), ++sum.files;
    }
    for (auto& future : inner) {
        // While this job waits, another one has its slot: no number of levels is too deep for a single slot.
        const auto size = background::get(future);
        sum.bytes += size.bytes;
        sum.files += size.files;
        sum.depth = std::max(sum.depth, size.depth);
    }
    ++sum.depth;
    return sum;
}

// What cannot be printed, into a full disk say, is a failure like others.
void print(const std::string& text) {
    if (!(std::cout << text << std::flush))
        throw std::runtime_error("cannot print: " + std::generic_category().message(errno));
}

int main(int argc, char** argv) {
    const char* const usage = "usage: nested [--] [FOLDER]\n";
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const std::string first = arguments.empty() ? "." : arguments[0];
    const bool any_name = first == "--";
    if (any_name) arguments.erase(arguments.begin());
    try {
        if (first == "--help") return print(usage), 0;
        if (arguments.size() > 1 || (!any_name && first[0] == '-')) return std::cerr << usage, 2;
        background::n = 1;
        const auto size = background::get(background::run(measure, fs::path(arguments.empty() ? "." : arguments[0])));
        print(std::to_string(size.bytes) + " bytes in " + std::to_string(size.files) + " files, " +
              std::to_string(size.depth) + " levels\n");
        return 0;
    } catch (const fs::filesystem_error& error) {
        std::cerr << "nested: " << error.path1().string() << ": " << error.code().message() << "\n";
    } catch (const std::system_error& error) {
        std::cerr << "nested: no thread can be started: " << error.code().message() << "\n";
    } catch (const std::exception& error) {
        std::cerr << "nested: " << error.what() << "\n";
    }
    return 1;
}
