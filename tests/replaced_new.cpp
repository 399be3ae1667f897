// operator new and delete that fail where they are told to, count, and do more than is asked.
// SPDX-License-Identifier: MIT
#include "replaced_new.hpp"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#ifdef __linux__
#include <malloc.h>
#endif

#if SUPPORT_REPLACED_NEW

thread_local support::memory_of_this_thread support::memory;

using namespace support;

namespace {

bool is_refused_at_random() {
    const std::uint32_t in_all = refused_in_all;
    if (in_all == 0) return false;
    if (memory.random == 0) memory.random = next_random += 0x9e3779b9;
    memory.random ^= memory.random << 13;
    memory.random ^= memory.random >> 17;
    memory.random ^= memory.random << 5;
    return memory.random % in_all == 0;
}

#ifdef _WIN32 // where free() takes no aligned block and nothing tells its size: both stand in front of it
struct note {
    void* begin;
    std::size_t size;
};
note& note_of(void* block) { return static_cast<note*>(block)[-1]; }

void* aligned_malloc(std::size_t size, std::size_t alignment) noexcept {
    void* const begin = std::malloc(sizeof(note) + size + alignment);
    if (begin == nullptr) return nullptr;
    std::size_t room = size + alignment;
    void* block = static_cast<note*>(begin) + 1;
    std::align(alignment, size, block, room);
    note_of(block) = {begin, size};
    return block;
}
#endif

long size_of(void* block) {
#if defined(__linux__)
    return static_cast<long>(malloc_usable_size(block));
#elif defined(_WIN32)
    return static_cast<long>(note_of(block).size);
#else
    static_cast<void>(block);
    return 0;
#endif
}

void* take(std::size_t size, std::size_t alignment) noexcept {
    ++memory.asked_for;
    if (auto* const act = at_every_call.load()) act();
    if (memory.refused() || (memory.fails_in > 0 && --memory.fails_in == 0) || is_refused_at_random()) {
        memory.has_failed = true;
        return nullptr;
    }
#ifdef _WIN32
    void* const block = aligned_malloc(size, alignment);
#else
    void* block = nullptr;
    if (alignment <= alignof(std::max_align_t))
        block = std::malloc(size);
    else if (posix_memalign(&block, alignment, size) != 0)
        block = nullptr;
#endif
    const long now = live_bytes += block ? size_of(block) : 0;
    for (long peak = peak_bytes; peak < now && !peak_bytes.compare_exchange_weak(peak, now);) {}
    return block;
}

void* take_or_throw(std::size_t size, std::size_t alignment) {
    if (void* const block = take(size, alignment)) return block;
    throw std::bad_alloc{};
}

void give(void* block) noexcept {
    if (auto* const act = at_every_call.load()) act();
    if (block) live_bytes -= size_of(block);
#ifdef _WIN32
    if (block) std::free(note_of(block).begin);
#else
    std::free(block);
#endif
}

constexpr std::size_t usual = alignof(std::max_align_t);

std::size_t in_bytes(std::align_val_t alignment) { return static_cast<std::size_t>(alignment); }

} // namespace

void* operator new(std::size_t size) { return take_or_throw(size, usual); }
void* operator new[](std::size_t size) { return take_or_throw(size, usual); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return take(size, usual); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return take(size, usual); }
void* operator new(std::size_t size, std::align_val_t at) { return take_or_throw(size, in_bytes(at)); }
void* operator new[](std::size_t size, std::align_val_t at) { return take_or_throw(size, in_bytes(at)); }
void* operator new(std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
    return take(size, in_bytes(at));
}
void* operator new[](std::size_t size, std::align_val_t at, const std::nothrow_t&) noexcept {
    return take(size, in_bytes(at));
}
void operator delete(void* block) noexcept { give(block); }
void operator delete[](void* block) noexcept { give(block); }
void operator delete(void* block, std::size_t) noexcept { give(block); }
void operator delete[](void* block, std::size_t) noexcept { give(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { give(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { give(block); }
void operator delete(void* block, std::align_val_t) noexcept { give(block); }
void operator delete[](void* block, std::align_val_t) noexcept { give(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { give(block); }
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept { give(block); }
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept { give(block); }
void operator delete[](void* block, std::align_val_t, const std::nothrow_t&) noexcept { give(block); }

#endif
