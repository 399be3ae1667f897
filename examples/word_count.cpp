// Shows fan-out and gathering: one job counts the words of one file, the futures bring the counts together.
// SPDX-License-Identifier: MIT
//
//     word_count [FILE...]    without files it writes eight and counts those

#include <background.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using counts = std::map<std::string, long>;

counts count_words(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in || fs::is_directory(file)) throw std::runtime_error("cannot read '" + file.string() + "'");
    std::string text(std::istreambuf_iterator<char>(in), {});
    counts words;
    std::string word;
    text += '\n'; // ends the last word
    for (const char c : text) {
        if (std::isalpha(static_cast<unsigned char>(c)))
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else if (!word.empty())
            ++words[std::exchange(word, {})];
    }
    return words;
}

void add(counts& sum, const counts& part) {
    for (const auto& [word, count] : part) sum[word] += count;
}

// Eight files of seeded text, gone with this object.
struct sample_files {
    fs::path folder = fs::temp_directory_path() / ("word_count." + std::to_string(std::random_device{}()));
    std::vector<fs::path> paths;
    sample_files() {
        fs::create_directories(folder);
        const char* const words[] = {"the", "a", "job", "worker", "slot", "queue", "runs", "waits", "future", "thread"};
        std::mt19937 random(1);
        std::geometric_distribution<std::size_t> rank(0.3);
        for (int i = 0; i < 8; ++i) {
            paths.push_back(folder / ("sample" + std::to_string(i) + ".txt"));
            std::ofstream out(paths.back());
            for (int n = 0; n < 300'000; ++n)
                out << words[rank(random) % std::size(words)] << (n % 12 == 11 ? ".\n" : " ");
        }
    }
    ~sample_files() {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
};

template<class Work> double seconds(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Prints the outcome; returns whether all files could be read.
bool compare(const std::vector<fs::path>& files) {
    counts together, alone;
    bool readable = true;
    const double parallel = seconds([&] {
        std::vector<std::future<counts>> parts;
        for (const auto& file : files) parts.push_back(background::run(count_words, file));
        for (auto& part : parts) {
            try {
                add(together, part.get());
            } catch (const std::exception& error) {
                std::cerr << "word_count: " << error.what() << "\n";
                readable = false;
            }
        }
    });
    const double sequential = seconds([&] {
        for (const auto& file : files) {
            try {
                add(alone, count_words(file));
            } catch (const std::exception&) { // was reported above
            }
        }
    });
    std::vector<std::pair<std::string, long>> ranking(together.begin(), together.end());
    std::stable_sort(ranking.begin(), ranking.end(), [](auto& a, auto& b) { return a.second > b.second; });
    for (std::size_t i = 0; i < std::min<std::size_t>(10, ranking.size()); ++i)
        std::cout << ranking[i].second << " " << ranking[i].first << "\n";
    std::cout << files.size() << " files; one after the other " << sequential
              << " s, in the background with n = " << background::n << " " << parallel << " s\n"
              << (together == alone ? "same counts\n" : "DIFFERENT COUNTS\n");
    return readable && together == alone;
}

int main(int argc, char** argv) {
    try {
        return (argc > 1 ? compare({argv + 1, argv + argc}) : compare(sample_files().paths)) ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "word_count: " << error.what() << "\n";
        return 1;
    }
}
