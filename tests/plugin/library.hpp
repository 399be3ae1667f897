// A shared library opened with dlopen() and closed with its object.
// SPDX-License-Identifier: MIT
#pragma once

#include "plugin.hpp"

#include <stdexcept>
#include <string>

#include <dlfcn.h>

class library {
public:
    explicit library(const char* path) : handle_(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
        if (handle_ == nullptr) throw std::runtime_error(std::string("cannot open ") + path + ": " + ::dlerror());
        names_ = reinterpret_cast<const plugin_names* (*)()>(::dlsym(handle_, "plugin"))();
    }
    library(const library&) = delete;
    library& operator=(const library&) = delete;
    ~library() { ::dlclose(handle_); }
    const plugin_names* operator->() const { return names_; }

private:
    void* handle_;
    const plugin_names* names_ = nullptr;
};
