// Shows jobs that wait for jobs: the size of a folder is the sum of its folders', each a job of its own, and n is 1.
// SPDX-License-Identifier: MIT

#include <background.hpp>

#include <cstdint>
#include <filesystem>
#include <future>
#include <iostream>
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

int main(int argc, char** argv) {
    if (argc > 2) {
        std::cerr << "usage: nested [FOLDER]\n";
        return 2;
    }
    background::n = 1;
    try {
        const auto size = background::get(background::run(measure, fs::path(argc > 1 ? argv[1] : ".")));
        std::cout << size.bytes << " bytes in " << size.files << " files, " << size.depth << " levels\n";
    } catch (const fs::filesystem_error& error) {
        std::cerr << "nested: " << error.path1().string() << ": " << error.code().message() << "\n";
        return 1;
    }
}
