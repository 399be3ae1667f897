// Shows fan-out and gathering: one job counts the words of one file, the futures bring the counts together.
// SPDX-License-Identifier: MIT
//
//     word_count [--] [FILE...]    without files it writes eight and counts those
//
// Each file is read twice, to compare: a FIFO or a device is refused. Ctrl-C removes the eight.

#include <background.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace fs = std::filesystem;
using counts = std::map<std::string, long>;

std::atomic<int> stopped{0}; // the signal that stopped the demonstration; jobs look at it before they begin

std::string reason() { return std::generic_category().message(errno); }

counts count_words(const fs::path& file) {
    if (stopped) throw std::runtime_error("stopped");
    const auto cannot = [&](const std::string& why) {
        return std::runtime_error("cannot read '" + file.string() + "': " + why);
    };
    std::error_code absent; // that, and all else that is wrong, open() tells
    const auto kind = fs::status(file, absent);
    if (fs::is_directory(kind)) throw cannot("it is a directory");
    if (fs::exists(kind) && !fs::is_regular_file(kind)) throw cannot("it is no regular file");
    std::ifstream in(file, std::ios::binary);
    if (!in) throw cannot(reason());
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

// A folder that is gone with this object.
struct temporary_folder {
    const fs::path path = fs::temp_directory_path() / ("word_count." + std::to_string(std::random_device{}()));
    temporary_folder() {
        if (!fs::create_directory(path)) throw std::runtime_error(path.string() + " is there already");
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
};

// Eight files of seeded text.
std::vector<fs::path> write_samples(const fs::path& folder) {
    const char* const words[] = {"the", "a", "job", "worker", "slot", "queue", "runs", "waits", "future", "thread"};
    std::mt19937 random(1);
    std::geometric_distribution<std::size_t> rank(0.3);
    std::vector<fs::path> files;
    for (int i = 0; i < 8 && !stopped; ++i) {
        files.push_back(folder / ("sample" + std::to_string(i) + ".txt"));
        std::ofstream out(files.back());
        for (int n = 0; n < 300'000 && out && !stopped; ++n)
            out << words[rank(random) % std::size(words)] << (n % 12 == 11 ? ".\n" : " ");
        if (!out.flush()) throw std::runtime_error("cannot write '" + files.back().string() + "': " + reason());
    }
    return files;
}

template<class Work> double seconds(Work work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// What cannot be printed, into a full disk say, is a failure like others.
void print(const std::string& text) {
    if (!(std::cout << text << std::flush)) throw std::runtime_error("cannot print: " + reason());
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
                if (!stopped) std::cerr << "word_count: " << error.what() << "\n";
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
    if (stopped) return false;
    std::vector<std::pair<std::string, long>> ranking(together.begin(), together.end());
    std::stable_sort(ranking.begin(), ranking.end(), [](auto& a, auto& b) { return a.second > b.second; });
    std::ostringstream outcome;
    for (std::size_t i = 0; i < std::min<std::size_t>(10, ranking.size()); ++i)
        outcome << ranking[i].second << " " << ranking[i].first << "\n";
    outcome << files.size() << " files; one after the other " << sequential
            << " s, in the background with n = " << background::n << " " << parallel << " s\n"
            << (together == alone ? "same counts\n" : "DIFFERENT COUNTS\n");
    print(outcome.str());
    return readable && together == alone;
}

void stop(int signal) {
    stopped = signal;
    std::signal(signal, SIG_DFL); // the next one ends the program at once
}

bool demonstrate() {
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
    const temporary_folder folder;
    return compare(write_samples(folder.path));
}

int main(int argc, char** argv) {
    const char* const usage = "usage: word_count [--] [FILE...]\n";
    std::vector<fs::path> files;
    bool options = true;
    try {
        for (int i = 1; i < argc; ++i) {
            const std::string argument = argv[i];
            if (!options || argument.empty() || argument[0] != '-')
                files.push_back(argument);
            else if (argument == "--")
                options = false;
            else if (argument == "--help")
                return print(usage), 0;
            else
                throw std::invalid_argument("what is '" + argument + "'?");
        }
        const bool good = files.empty() ? demonstrate() : compare(files);
        return stopped ? 128 + stopped : good ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        std::cerr << "word_count: " << error.what() << "\n" << usage;
        return 2;
    } catch (const fs::filesystem_error& error) {
        std::cerr << "word_count: " << error.what() << "\n";
    } catch (const std::system_error& error) {
        std::cerr << "word_count: no thread can be started: " << error.code().message() << "\n";
    } catch (const std::exception& error) {
        std::cerr << "word_count: " << error.what() << "\n";
    }
    return 1;
}
