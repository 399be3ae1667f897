// Shows work for every core: pictures become thumbnails in the background while main draws how far they are.
// SPDX-License-Identifier: MIT
//
//     process_image [-n JOBS] [-o FOLDER] [PICTURE...]    without pictures it makes a few

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
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
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

// The job: `to` gets a JPEG of at most 200 pixels a side.
sizes make_thumbnail(const fs::path& from, const fs::path& to) {
    int width = 0, height = 0, channels = 0;
    const std::unique_ptr<unsigned char, decltype(&stbi_image_free)> pixels(
        stbi_load(from.string().c_str(), &width, &height, &channels, 3), stbi_image_free);
    if (!fs::is_regular_file(from)) throw std::runtime_error("no such file");
    if (!pixels) throw std::runtime_error(std::string("no PNG or JPEG picture: ") + stbi_failure_reason());
    const double scale = std::min(1.0, 200.0 / std::max(width, height));
    const int w = std::max(1, static_cast<int>(width * scale + 0.5));
    const int h = std::max(1, static_cast<int>(height * scale + 0.5));
    bytes small(static_cast<std::size_t>(w) * static_cast<std::size_t>(h) * 3), jpeg;
    const auto append = [](void* file, void* data, int size) {
        const auto begin = static_cast<unsigned char*>(data);
        static_cast<bytes*>(file)->insert(static_cast<bytes*>(file)->end(), begin, begin + size);
    };
    if (!stbir_resize_uint8(pixels.get(), width, height, 0, small.data(), w, h, 0, 3) ||
        !stbi_write_jpg_to_func(append, &jpeg, w, h, 3, small.data(), 80))
        throw std::runtime_error("out of memory");
    std::ofstream out(to, std::ios::binary);
    out.write(reinterpret_cast<const char*>(jpeg.data()), static_cast<std::streamsize>(jpeg.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + to.string());
    return {fs::file_size(from), jpeg.size()};
}

// The bar below the pictures that are done; a file or a pipe gets their lines alone.
void draw(std::size_t done, std::size_t all) {
    const auto filled = 40 * done / all;
    if (on_terminal)
        std::cout << "\r[" << std::string(filled, '#') << std::string(40 - filled, '.') << "] " << done << " of " << all
                  << std::flush;
}

void make_pictures(const fs::path& folder, std::vector<fs::path>& pictures) {
    fs::create_directories(folder);
    bytes pixels(1200 * 900 * 3);
    for (unsigned picture = 0; picture < 6; ++picture) {
        for (unsigned i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<unsigned char>((i / 3 % 1200) * (picture + 1) / 9 + i / 3600 * (i % 3) / 5);
        pictures.push_back(folder / ("picture" + std::to_string(picture) + ".png"));
        if (!stbi_write_png(pictures.back().string().c_str(), 1200, 900, 3, pixels.data(), 0))
            throw std::runtime_error("cannot write " + pictures.back().string());
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
        std::cout << (on_terminal ? "\r\x1b[K" : "") << std::flush;
        try {
            const auto size = results[i].get();
            std::cout << pictures[i].string() << ": " << size.before << " -> " << size.after << " bytes" << std::endl;
        } catch (const std::exception& error) {
            std::cerr << "process_image: " << pictures[i].string() << ": " << error.what() << std::endl;
            all_made = false;
        }
    }
    return all_made;
}

int number(const std::string& text) {
    if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != text.npos)
        throw std::invalid_argument("-n takes a number, not '" + text + "'");
    return std::stoi(text);
}

int main(int argc, char** argv) {
    fs::path out, made;
    std::vector<fs::path> pictures;
    int status = 1;
    try {
        for (int i = 1; i < argc; ++i) {
            const std::string argument = argv[i];
            if (argument.size() != 2 || argument[0] != '-')
                pictures.push_back(argument);
            else if (argument == "-n" && i + 1 < argc)
                background::n = number(argv[++i]);
            else if (argument == "-o" && i + 1 < argc)
                out = argv[++i];
            else
                throw std::invalid_argument("what is '" + argument + "'?");
        }
        if (!out.empty()) fs::create_directories(out);
        if (pictures.empty()) {
            made = fs::temp_directory_path() / ("process_image." + std::to_string(std::random_device{}()));
            make_pictures(made, pictures);
        }
        status = process(pictures, out) ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        std::cerr << "process_image: " << error.what() << "\nusage: process_image [-n JOBS] [-o FOLDER] [PICTURE...]\n";
        status = 2;
    } catch (const std::exception& error) {
        std::cerr << "process_image: " << error.what() << "\n";
    }
    if (!made.empty()) fs::remove_all(made);
    return status;
}
