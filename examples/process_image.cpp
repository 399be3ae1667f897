// Shows work for every core: pictures become thumbnails in the background while main draws how far they are.
// SPDX-License-Identifier: MIT
//
//     process_image [-n JOBS] [-o FOLDER] [--] [PICTURE...]    without pictures it makes a few
//
// Pictures are taken as they are stored: how the camera was held (the orientation in EXIF) is not looked at. Ctrl-C
// lets the pictures at hand be finished, leaves no half of one, and removes those that it has made.

#include <background.hpp>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#if defined(_WIN32)
#include <io.h>
const bool on_terminal = _isatty(1) != 0;
#else
#include <unistd.h>
const bool on_terminal = isatty(1) != 0;
#endif

namespace fs = std::filesystem;
using bytes = std::vector<unsigned char>;

struct sizes {
    std::uintmax_t before, after;
};

std::atomic<int> stopped{0}; // the signal that did; jobs look at it before they begin

std::string reason() { return std::generic_category().message(errno); }

// For stb: appends to the bytes at `file`.
void append(void* file, void* data, int size) {
    const auto begin = static_cast<unsigned char*>(data);
    static_cast<bytes*>(file)->insert(static_cast<bytes*>(file)->end(), begin, begin + size);
}

// Whole or not at all: written beside, then renamed.
void store(const fs::path& to, const bytes& content) {
    const fs::path beside = to.string() + "." + std::to_string(std::random_device{}()) + ".part";
    std::ofstream out(beside, std::ios::binary);
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    out.close();
    std::string why = out ? "" : reason();
    std::error_code failure, ignored;
    if (out) fs::rename(beside, to, failure);
    if (out && !failure) return;
    if (failure) why = failure.message();
    fs::remove(beside, ignored);
    throw std::runtime_error("cannot write " + to.string() + ": " + why);
}

// The job: `to` gets a JPEG of at most 200 pixels a side.
sizes make_thumbnail(const fs::path& from, const fs::path& to) {
    if (stopped) throw std::runtime_error("stopped");
    std::error_code absent; // that, and all else that is wrong, fopen tells
    const auto kind = fs::status(from, absent);
    if (fs::is_directory(kind)) throw std::runtime_error("it is a directory");
    if (fs::exists(kind) && !fs::is_regular_file(kind))
        throw std::runtime_error("it is no regular file"); // a FIFO waits
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(from.string().c_str(), "rb"), std::fclose);
    if (!file) throw std::runtime_error(reason());
    int width = 0, height = 0, channels = 0;
    const std::unique_ptr<unsigned char, decltype(&stbi_image_free)> pixels(
        stbi_load_from_file(file.get(), &width, &height, &channels, 3), stbi_image_free);
    if (!pixels) throw std::runtime_error(std::string("no PNG or JPEG picture: ") + stbi_failure_reason());
    const double scale = std::min(1.0, 200.0 / std::max(width, height));
    const int w = std::max(1, static_cast<int>(width * scale + 0.5));
    const int h = std::max(1, static_cast<int>(height * scale + 0.5));
    bytes small(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * 3), jpeg;
    if (!stbir_resize_uint8(pixels.get(), width, height, 0, small.data(), w, h, 0, 3) ||
        !stbi_write_jpg_to_func(append, &jpeg, w, h, 3, small.data(), 80))
        throw std::runtime_error("out of memory");
    store(to, jpeg);
    return {fs::file_size(from), jpeg.size()};
}

// The bar below the pictures that are done; a file or a pipe gets their lines alone. It stays below 30 columns, as one
// that wraps cannot be taken back.
void draw(std::size_t done, std::size_t all) {
    const auto text = "] " + std::to_string(done) + " of " + std::to_string(all);
    const auto cells = 28 - std::min<std::size_t>(28, text.size()), filled = cells * done / all;
    if (on_terminal)
        std::cout << "\r[" << std::string(filled, '#') << std::string(cells - filled, '.') << text << std::flush;
}

// What cannot be printed, into a full disk say, is a failure like others.
void print(const std::string& text) {
    if (!(std::cout << text << std::flush)) throw std::runtime_error("cannot print: " + reason());
}

void make_pictures(const fs::path& folder, std::vector<fs::path>& pictures) {
    bytes pixels(1200 * 900 * 3);
    for (unsigned picture = 0; picture < 6 && !stopped; ++picture) {
        for (unsigned i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<unsigned char>((i / 3 % 1200) * (picture + 1) / 9 + i / 3600 * (i % 3) / 5);
        pictures.push_back(folder / ("picture" + std::to_string(picture) + ".png"));
        bytes png;
        if (!stbi_write_png_to_func(append, &png, 1200, 900, 3, pixels.data(), 0))
            throw std::runtime_error("out of memory");
        store(pictures.back(), png);
    }
}

// Returns whether every picture has its thumbnail now.
bool process(const std::vector<fs::path>& pictures, const fs::path& out) {
    background::task thumbnail{make_thumbnail};
    std::vector<std::future<sizes>> results;
    std::set<fs::path> taken;
    for (const auto& picture : pictures) {
        const auto to = (out.empty() ? picture.parent_path() : out) / (picture.stem().string() + ".thumb.jpg");
        const bool first = taken.insert(fs::absolute(to).lexically_normal()).second;
        results.push_back(first ? thumbnail(picture, to) : background::run([to]() -> sizes {
            throw std::runtime_error(to.string() + " is made from another picture already");
        }));
    }
    bool all_made = true;
    for (std::size_t i = 0; i < results.size(); ++i) {
        do draw(results.size() - background::pending(), results.size());
        while (results[i].wait_for(std::chrono::milliseconds(50)) != std::future_status::ready);
        if (on_terminal) print("\r\x1b[K");
        std::string line;
        try {
            const auto size = results[i].get();
            line = pictures[i].string() + ": " + std::to_string(size.before) + " -> " + std::to_string(size.after) +
                   " bytes\n";
        } catch (const std::exception& error) {
            if (!stopped) std::cerr << "process_image: " << pictures[i].string() << ": " << error.what() << std::endl;
            all_made = false;
        }
        print(line);
    }
    return all_made;
}

int number(const std::string& text) {
    if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != text.npos)
        throw std::invalid_argument("-n takes a number, not '" + text + "'");
    return std::stoi(text);
}

void stop(int signal) {
    stopped = signal;
    std::signal(signal, SIG_DFL); // the next one ends the program at once
}

int main(int argc, char** argv) {
    const char* const usage = "usage: process_image [-n JOBS] [-o FOLDER] [--] [PICTURE...]\n";
    fs::path out, made;
    std::vector<fs::path> pictures;
    bool options = true;
    int status = 1;
    try {
        for (int i = 1; i < argc; ++i) {
            const std::string argument = argv[i];
            if (!options || argument.empty() || argument[0] != '-')
                pictures.push_back(argument);
            else if (argument == "--")
                options = false;
            else if (argument == "--help")
                return print(usage + std::string("The orientation that EXIF notes is not looked at.\n")), 0;
            else if (argument == "-n" && i + 1 < argc)
                background::n = number(argv[++i]);
            else if (argument == "-o" && i + 1 < argc)
                out = argv[++i];
            else
                throw std::invalid_argument("what is '" + argument + "'?");
        }
        std::signal(SIGINT, stop);
        std::signal(SIGTERM, stop);
        if (!out.empty()) fs::create_directories(out);
        if (pictures.empty()) {
            const auto folder = fs::temp_directory_path() / ("process_image." + std::to_string(std::random_device{}()));
            if (fs::create_directory(folder)) made = folder; // one that was there already is not ours to remove
            make_pictures(folder, pictures);
        }
        status = process(pictures, out) ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        std::cerr << "process_image: " << error.what() << "\n" << usage;
        status = 2;
    } catch (const fs::filesystem_error& error) {
        std::cerr << "process_image: " << error.what() << "\n";
    } catch (const std::system_error& error) {
        std::cerr << "process_image: no thread can be started: " << error.code().message() << "\n";
    } catch (const std::exception& error) {
        std::cerr << "process_image: " << error.what() << "\n";
    }
    background::wait(); // so that no job writes into the folder while it is removed
    std::error_code ignored;
    if (!made.empty()) fs::remove_all(made, ignored);
    return stopped ? 128 + stopped : status;
}
