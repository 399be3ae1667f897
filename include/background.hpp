// background: run functions in the background, on a global pool of worker threads.
//
//     background::task send_email{[](std::string to, std::string subject) { /* takes seconds */ }};
//     send_email("alice@example.com", "Hello");            // returns at once; nobody has to look at the future
//
//     background::n = 8;                                   // up to 8 jobs run at the same time
//     background::task process_image{resize_and_compress}; // any callable
//     std::future<int> bytes = process_image("photo.jpg"); // keep the std::future where the result matters
//     bytes.get();
//
// A task is the callable that you wrap; a job is one call of it, queued or running. Jobs run on workers, the threads of
// one pool that the whole program shares. A slot is the right to run a job: there are `background::n` of them. The
// interface comes first and is all one needs to know; the engine follows, bottom-up, room by room.
// SPDX-License-Identifier: MIT
#pragma once

#if __cplusplus < 201703L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 201703L)
#error "background.hpp needs C++17: compile with -std=c++17 or later (MSVC: /std:c++17)"
#elif !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "background.hpp needs exceptions: they carry a job's failure to its future"
#else

#include <atomic>             // the queue, the flags that submitters read
#include <chrono>             // how long to look before sleeping
#include <climits>            // INT_MAX
#include <condition_variable> // sleeping, where there is no futex
#include <cstddef>            // size_t, max_align_t
#include <cstdint>            // uint64_t
#include <cstdlib>            // atexit, abort
#include <exception>          // exception_ptr
#include <future>             // promise, future, shared_future
#include <memory>             // allocator_arg, destroy_at
#include <mutex>              // mutex, unique_lock
#include <new>                // placement and over-aligned new
#include <stdexcept>          // invalid_argument
#include <string>             // the message of invalid_argument
#include <system_error>       // system_error
#include <thread>             // thread
#include <tuple>              // the arguments of a job, and apply
#include <type_traits>        // decay, invoke_result
#include <utility>            // move, forward, exchange

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h> // thread names, pthread_atfork
#include <time.h>    // nanosleep
#endif
#if defined(__linux__)
#include <sys/syscall.h> // SYS_gettid, SYS_futex
#include <unistd.h>      // getpid, syscall
#elif defined(_MSC_VER)
#include <intrin.h>      // _mm_pause
#pragma warning(push, 3) // level 4 warns of what alignas pads
extern "C" struct _IMAGE_DOS_HEADER __ImageBase; // of this program or DLL
#endif

#define BACKGROUND_VERSION "1.1.0"

namespace background {
inline namespace v1_1_0 { // in every symbol: other versions have pools of their own, not this one in another layout
namespace detail {
/// What a job returns; says in words what cannot be submitted.
template<class F, class... Args> struct result_of_job {
    static constexpr bool invocable = std::is_invocable_v<F, Args...>;
    static_assert(invocable, "background: the callable does not take these arguments (it gets copies, as rvalues)");
    using result = typename std::conditional_t<invocable, std::invoke_result<F, Args...>, std::decay<void>>::type;
    static_assert(!std::is_rvalue_reference_v<result>,
                  "background: the callable returns an rvalue reference, which would dangle: return a value");
    using type = std::conditional_t<std::is_rvalue_reference_v<result>, void, result>;
};
template<class F, class... Args>
using future_of = std::future<typename result_of_job<std::decay_t<F>, std::decay_t<Args>...>::type>;

/// The type of `background::n`. Not copyable: `auto old = n` would go on changing; write `int old = n`.
struct limit_variable {
    limit_variable() = default;
    limit_variable(limit_variable&&) = delete;
    operator int() const noexcept;
    template<class Integer> limit_variable& operator=(Integer value);
};

struct has_call_operator {
    void operator()() const;
};
/// A class with an operator(), however overloaded, makes that name ambiguous here.
template<class F> struct call_operators : F, has_call_operator {};
template<class F, class = void> inline constexpr bool lacks_call_operator = false;
template<class F>
inline constexpr bool lacks_call_operator<F, std::void_t<decltype(&call_operators<F>::operator())>> = true;
/// Whether F converts to a pointer to a function: then `*f` is that function.
template<class F, class = void> inline constexpr bool converts_to_function = false;
template<class F>
inline constexpr bool converts_to_function<F, std::void_t<decltype(*std::declval<F&>())>> =
    std::is_function_v<std::remove_reference_t<decltype(*std::declval<F&>())>>;
/// Whether F can be a callable, as far as one can ask: not of a final class, nor of a union.
template<class F> constexpr bool can_be_called() {
    if constexpr (std::is_class_v<F> && !std::is_final_v<F> && !std::is_polymorphic_v<F>)
        return !lacks_call_operator<F> || converts_to_function<F>;
    else
        return !std::is_scalar_v<F> || std::is_function_v<std::remove_pointer_t<F>> || std::is_member_pointer_v<F>;
}
} // namespace detail

/// How many jobs may run at the same time: reads as an `int`, takes any integer. It starts as
/// `std::thread::hardware_concurrency()`, or 1 where that is unknown, and may be used before `main`.
/// Assigning never blocks. It throws `std::invalid_argument` naming the value if that is zero or less, and then changes
/// nothing; any larger value is fine. A larger `n` takes effect at once, for queued jobs too (a worker that cannot be
/// started is done without); a smaller one interrupts nothing: workers retire as they finish. Any thread may read and
/// assign, tasks included. With 1, jobs need no lock among themselves. Workers start on demand; idle ones use no CPU.
inline detail::limit_variable n;

/// Submits one job, `callable(args...)`, and returns its std::future.
///
/// The callable and the arguments are decay-copied on the calling thread and the job invokes the copies as rvalues, as
/// std::thread does: `std::ref` passes a reference, move-only arguments work. What the job returns or throws reaches
/// the future, which becomes ready after the copies are destroyed and the callbacks have run. The future's destructor
/// neither blocks nor cancels. Jobs start in the order of submission.
///
/// The call does not wait for the job. It throws what copying an argument or allocating throws, and `std::system_error`
/// if there is no worker yet and none can be started: then nothing was submitted. Any thread may call it, at any time,
/// before `main` too. Every job submitted before the pool closes finishes before the process ends by exit() or return
/// from `main`; on exit from the main thread or from inside a task that is before any static object is destroyed. While
/// the program ends, threads that are no workers may submit 64 more jobs; beyond that, and in static destructors, when
/// the pool has closed, the job runs inline on the calling thread.
template<class F, class... Args> detail::future_of<F, Args...> run(F&& callable, Args&&... args);

/// Wraps a callable into one that submits itself: `background::task work{f};` makes `work(x)` the same as `run(f, x)`.
///
/// Calling an lvalue copies the callable into the job, so calls never race with each other and many threads may call
/// one task, also a const one. Calling an rvalue (`std::move(work)(args...)`) moves it: a move-only callable works
/// there. A task may be copied and moved as its callable may. Use braces: `background::task(f)(x);` as a statement
/// declares a variable `f`; where that can be told, it does not compile.
template<class F> class task {
    static_assert(!std::is_function_v<F>,
                  "background: a task wraps a callable of a known type: task<std::function<void(int)>> is one, with "
                  "that signature, and task<void(int)> none");
    static_assert(detail::can_be_called<F>(),
                  "background: a task wraps a callable, and this is none; mind the braces: `background::task(f)(x);` "
                  "declares a variable f, `background::task{f}(x);` submits a job");
    F callable_;

public:
    /// Wraps a copy of the callable; throws what copying it throws.
    explicit task(F const& callable) : callable_(callable) {}
    /// Wraps the callable; throws what moving it throws.
    explicit task(F&& callable) : callable_(std::move(callable)) {}
    /// Submits a job with a copy of the callable; all else is as with run().
    template<class... Args> detail::future_of<F, Args...> operator()(Args&&... args) const& {
        return background::run(callable_, std::forward<Args>(args)...);
    }
    /// Submits a job and moves the callable into it.
    template<class... Args> detail::future_of<F, Args...> operator()(Args&&... args) && {
        return background::run(std::move(callable_), std::forward<Args>(args)...);
    }
};
/// Deduces the type of the callable: `background::task work{f};`.
template<class F> task(F) -> task<F>;

/// Blocks until nothing is queued or running, callbacks included. Any number of threads may wait. Throws
/// `std::system_error` (`resource_deadlock_would_occur`) inside a task or a callback, which it would wait for.
void wait();

/// Returns `future.get()`, and may be called inside a task: the waiting job gives its slot away and takes one again,
/// before queued jobs do, when the future is ready. So jobs may wait for jobs, however deep, even with `n == 1`.
/// Takes std::future and std::shared_future from any library, as lvalue or rvalue. Throws what `future.get()` throws,
/// `std::future_error` (`no_state`) for a future without state, and inside a task, if the waiting needs one more thread
/// and that cannot be had, `std::system_error` or (for want of its memory) `std::bad_alloc`: then the future is as it
/// was. With libstdc++ a plain `.get()` or `.wait()` on a future that this library returned does the same, but that a
/// `.get()` that throws so has used its future up.
template<class Future> decltype(auto) get(Future&& future);

/// Returns how many jobs are queued or running: each from its submission until shortly after its future is ready.
/// Never blocks and never throws; any thread may call it.
std::uint64_t pending() noexcept;

/// Calls `callback(std::exception_ptr)` after every job from now on, with what the job threw or null.
/// Callbacks run on the worker, in the order of registration, before the job's future becomes ready, and on several
/// workers at the same time. What they throw is ignored. They may submit jobs and register callbacks. They stay for
/// ever. Any thread may register, at any time. Throws what copying the callback or allocating throws.
template<class F> void callback(F&& callback);

// --- engine: platform ------------------------------------------------------------------------------------------------
// What differs from one system or processor to the next, as functions of one meaning.
namespace detail {
inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst; // in the handshake, see pool, and beside it

#if defined(__linux__)
/// For debuggers and `ps -L`.
inline void name_this_thread() noexcept { ::pthread_setname_np(::pthread_self(), "background"); }
inline bool on_main_thread() noexcept { return ::getpid() == static_cast<::pid_t>(::syscall(SYS_gettid)); }
#elif defined(__APPLE__)
inline void name_this_thread() noexcept { ::pthread_setname_np("background"); }
inline bool on_main_thread() noexcept { return ::pthread_main_np() != 0; }
#else
inline void name_this_thread() noexcept {}
inline std::thread::id const main_thread = std::this_thread::get_id(); // it runs this header's initialisers
inline bool on_main_thread() noexcept { return std::this_thread::get_id() == main_thread; }
#endif

#if defined(__unix__) || defined(__APPLE__)
inline void after_fork_in_child(void (*handler)()) noexcept { ::pthread_atfork(nullptr, nullptr, handler); }
/// Sleeps for some 50 microseconds, or until a signal comes: sleep_for() may never return amid a storm of signals.
inline void nap() noexcept {
    struct ::timespec const length{0, 50000};
    ::nanosleep(&length, nullptr);
}
#else
inline void after_fork_in_child(void (*)()) noexcept {}
inline void nap() noexcept { std::this_thread::sleep_for(std::chrono::microseconds(50)); }
#endif

/// Tells the processor that this thread looks at something again and again.
inline void pause_briefly() noexcept {
#if defined(__i386__) || defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ __volatile__("yield" ::: "memory");
#elif defined(_M_IX86) || defined(_M_X64)
    ::_mm_pause();
#endif
}

/// Between two looks at what another thread does in a moment, unless it has been preempted, and may be of a lower
/// priority: sleeping lets it run. (A yield would not, or would give the processor away for a whole time slice.)
inline void pause_or_nap(unsigned tries) noexcept { tries < 128 ? pause_briefly() : nap(); }

/// Whether this code belongs to a Windows DLL: at its end, other threads are dead and must not be waited for.
#if defined(__MINGW32__)
extern "C" char __mingw_module_is_dll;
inline bool in_dll() noexcept { return __mingw_module_is_dll != 0; }
#elif defined(_MSC_VER)
inline bool in_dll() noexcept { // as the file's own header says, see "PE Format" in Microsoft's documentation
    constexpr int offset_of_signature = 0x3c, characteristics_behind_signature = 22, is_a_dll = 0x2000;
    auto const* const file = reinterpret_cast<unsigned char const*>(&__ImageBase);
    auto const* const signature = file + *reinterpret_cast<int const*>(file + offset_of_signature);
    return *reinterpret_cast<unsigned short const*>(signature + characteristics_behind_signature) & is_a_dll;
}
#else
inline bool in_dll() noexcept { return false; }
#endif

/// While a thread is inside of what may hold a lock, malloc's too, exit() in a signal handler on it cannot drain.
struct inside {
    inside() noexcept { ++depth(); }
    inside(inside const&) = delete;
    inside& operator=(inside const&) = delete;
    ~inside() { --depth(); }
    static int& depth() noexcept {
        static thread_local int depth = 0;
        return depth;
    }
};

/// The project's own tests define BACKGROUND_TESTING: then visit() stops a thread where they want it, and the pool
/// checks its counters (see pool::check) whenever it unlocks its mutex. Nobody else should.
#if defined(BACKGROUND_TESTING)
inline constexpr bool testing = true;
inline std::atomic<void (*)(char const* place)> visitor{nullptr};
inline void visit(char const* place) {
    if (auto* const visits = visitor.load()) visits(place);
}
#else
inline constexpr bool testing = false;
inline void visit(char const*) noexcept {}
#endif

/// Where threads sleep until it rings, in place of a condition variable: without a lock of its own where that can be,
/// as exit() in a signal handler may interrupt a sleeper for ever, at any instruction. (And those of glibc may lose a
/// wake-up up to 2.40: its bug 25847.) One begins to sleep under the mutex of the pool; it rings under it or after.
class doorbell {
public:
    /// Sleeps until it rings, for this thread or another; the lock is released meanwhile.
    template<class Lock> void wait(Lock& lock) noexcept {
        int const heard = rings_.load(relaxed);
        sleepers_.fetch_add(1, relaxed);
        lock.unlock();
        sleep(heard);
        lock.lock();
        sleepers_.fetch_sub(1, relaxed);
    }
    /// Wakes so many who sleep, or more.
    void ring(int count = INT_MAX) noexcept {
        if (!is_awaited()) return;
        rings_.fetch_add(1, relaxed);
        wake(count);
    }
    bool is_awaited() const noexcept { return sleepers_.load(relaxed) > 0; } // a hint, without the lock

private:
#if defined(SYS_futex) // 128 is FUTEX_WAIT_PRIVATE, 129 FUTEX_WAKE_PRIVATE: not every C library brings their header
    void sleep(int heard) noexcept {
        while (rings_.load(relaxed) == heard) ::syscall(SYS_futex, &rings_, 128, heard, nullptr);
    }
    void wake(int count) noexcept { ::syscall(SYS_futex, &rings_, 129, count); }
#else
    void sleep(int heard) noexcept {
        std::unique_lock<std::mutex> lock(mutex_);
        while (rings_.load(relaxed) == heard) rung_.wait(lock);
    }
    void wake(int count) noexcept {
        std::unique_lock<std::mutex> const lock(mutex_); // who has heard no ring sleeps already
        count == 1 ? rung_.notify_one() : rung_.notify_all();
    }
    std::mutex mutex_{};
    std::condition_variable rung_{};
#endif
    std::atomic<int> rings_{0};
    std::atomic<int> sleepers_{0}; // who was told is one until it has the lock again
};

// --- engine: memory --------------------------------------------------------------------------------------------------
/// A job lives in one piece of memory, made by the submitting thread and freed by another: the worst case for malloc
/// (230 ns, not 60). So a thread carves pieces from a chunk of its own, which counts its live pieces and goes with the
/// last of them. Who carves from it holds a large share of the count meanwhile: carving needs no atomic operation, and
/// zero is far. A kept future keeps its chunk: hence no larger.
struct chunk {
    static constexpr std::size_t bytes = 992;          // with the rest, and with what malloc adds, 1 KiB
    static constexpr unsigned carver_share = 1u << 30; // more than the pieces of any chunk
    std::atomic<unsigned> live{carver_share};
    chunk* next = nullptr; // on the shelf, or among what a thread took from there
    alignas(std::max_align_t) unsigned char room[bytes];
};
/// Free chunks, for use again: malloc and free of small ones on two threads fight for the lock of malloc's arena. Who
/// frees a chunk puts it there, who needs one takes all that there are: so no chunk is ever taken from between others.
/// There are about 64 at most, and the rest goes back to where it came from.
class chunk_shelf {
public:
    void put(chunk& freed) noexcept {
        if (count_.load(relaxed) >= most) {
            inside const freeing;
            delete &freed;
            return;
        }
        count_.fetch_add(1, relaxed);
        freed.next = first_.load(relaxed);
        while (!first_.compare_exchange_weak(freed.next, &freed, release, relaxed)) { // pairs with take_all
        }
    }
    chunk* take_all() noexcept {
        if (!first_.load(relaxed)) return nullptr;
        count_.store(0, relaxed);
        return first_.exchange(nullptr, acquire); // pairs with put
    }

private:
    static constexpr int most = 64;
    alignas(64) std::atomic<chunk*> first_{nullptr};
    std::atomic<int> count_{0}; // about
};
inline chunk_shelf shelf;

// acq_rel: whoever sees zero comes after all that others did with their pieces
inline void return_shares(chunk& used, unsigned shares) noexcept {
    if (used.live.fetch_sub(shares, acq_rel) == shares) shelf.put(used);
}
constexpr std::size_t round_up(std::size_t size, std::size_t power_of_two) {
    return (size + power_of_two - 1) & ~(power_of_two - 1);
}
/// The chunk that a thread carves from, and how far it is. The thread's own: workers write to the chunk all the time.
class chunk_cursor {
public:
    /// Returns a piece, in front of which its chunk is noted.
    void* carve(std::size_t size, std::size_t alignment) {
        std::size_t begin = detail::round_up(used_, alignment) + alignment;
        if (!current_ || begin + size > chunk::bytes) {
            begin_next();
            begin = alignment;
        }
        unsigned char* const piece = current_->room + begin;
        ::new (static_cast<void*>(piece - sizeof(void*))) chunk*(current_);
        used_ = begin + size;
        ++handed_out_;
        if (keeps_nothing_) give_all_back();
        return piece;
    }
    /// Keeps nothing from here on: the thread is about to end, and would not come by again.
    void give_all_back() noexcept {
        keeps_nothing_ = true;
        drop_current();
        while (spare_) shelf.put(*std::exchange(spare_, spare_->next));
    }

private:
    void begin_next() {
        if (!spare_ && !keeps_nothing_) spare_ = shelf.take_all();
        inside const allocating;
        chunk* const fresh = spare_ ? std::exchange(spare_, spare_->next) : new chunk;
        fresh->live.store(chunk::carver_share, relaxed);
        while (current_) drop_current(); // the user's operator new and delete may have begun one as well
        current_ = fresh;
        used_ = 0;
        handed_out_ = 0;
    }
    /// From here on the current chunk goes when its last piece does.
    void drop_current() noexcept {
        chunk* const full = std::exchange(current_, nullptr);
        if (full) detail::return_shares(*full, chunk::carver_share - handed_out_);
    }

    chunk* current_ = nullptr;
    std::size_t used_ = 0;
    unsigned handed_out_ = 0;
    chunk* spare_ = nullptr; // free ones, linked by next
    bool keeps_nothing_ = false;
};
/// Never destroyed: usable in destructors of thread-local objects.
inline chunk_cursor& this_cursor() noexcept {
    static thread_local chunk_cursor cursor;
    return cursor;
}
/// Large and over-aligned objects come from operator new.
constexpr bool is_carved(std::size_t size, std::size_t alignment) {
    return size <= chunk::bytes / 3 && alignment <= alignof(std::max_align_t);
}
inline void* allocate(std::size_t size, std::size_t alignment) {
    if (detail::is_carved(size, alignment))
        return detail::this_cursor().carve(size, alignment > alignof(chunk*) ? alignment : alignof(chunk*));
    inside const allocating;
    return ::operator new (size, std::align_val_t{alignment});
}
inline void deallocate(void* piece, std::size_t size, std::size_t alignment) noexcept {
    if (detail::is_carved(size, alignment)) return detail::return_shares(**(static_cast<chunk**>(piece) - 1), 1);
    inside const freeing;
    ::operator delete (piece, std::align_val_t{alignment});
}

// --- engine: libstdc++ -----------------------------------------------------------------------------------------------
// All that uses one library's inside. Everywhere else the second half holds: all works, but for the gains.
template<class Awaited> void look_then_wait(Awaited& awaited);
#if defined(__GLIBCXX__)
/// The counter of those who share a promise's state, that is of the promise and its futures.
using state_owners = std::_Sp_counted_base<std::__default_lock_policy>;
using library_state = std::__future_base::_State_baseV2;
template<class T> inline constexpr bool begins_with_owners = std::is_base_of_v<state_owners, T>;
inline bool has_one_owner(state_owners const& owners) noexcept { return owners._M_get_use_count() == 1; }

/// A shared state whose get() and wait() look before they sleep, and inside a job give the slot away. libstdc++ begins
/// every wait with this virtual function, by which the states of std::async join their thread: it is part of the ABI,
/// as is the state's name. It buys round trips of 2000 instead of 20 000 ns, and plain nested get() without deadlock.
template<class State> struct attentive : State {
    void _M_complete_async() override {
        static_assert(sizeof(attentive) == sizeof(State));
        detail::look_then_wait<State>(*this);
    }
};
template<class T> using made_instead = std::conditional_t<std::is_same_v<T, library_state>, attentive<T>, T>;
/// Whether one may ask a T under a lock if it is ready: libstdc++ reads an atomic. (Others lock, and hold that lock
/// while they move a result, which is the user's code.)
template<class T> inline constexpr bool asks_without_lock = std::is_same_v<T, library_state>;
template<class R> inline constexpr bool asks_without_lock<std::future<R>> = true;
template<class R> inline constexpr bool asks_without_lock<std::shared_future<R>> = true;
#else
struct state_owners {};
template<class T> inline constexpr bool begins_with_owners = false;
inline bool has_one_owner(state_owners const&) noexcept { return false; }
template<class T> using made_instead = T;
template<class T> inline constexpr bool asks_without_lock = false;
#endif

// --- engine: callbacks -----------------------------------------------------------------------------------------------
/// One of a list that only grows, by one store each: reading it takes no lock, and a fork cannot find it half made.
struct registered {
    virtual void tell(std::exception_ptr const& error) = 0;
    virtual ~registered() = default;
    std::atomic<registered*> next{nullptr};
};
template<class F> struct registered_callback final : registered {
    template<class G> explicit registered_callback(G&& callback) : callback_(std::forward<G>(callback)) {}
    void tell(std::exception_ptr const& error) override { static_cast<void>(callback_(std::exception_ptr(error))); }
    F callback_;
};
inline std::atomic<registered*> first_callback{nullptr};
inline void add_callback(registered& added) noexcept {
    std::atomic<registered*>* at = &first_callback;
    registered* other = nullptr;
    // release: the contents, for tell_callbacks; acquire: to walk on along what others registered
    while (!at->compare_exchange_weak(other, &added, acq_rel, acquire)) {
        if (other) at = &other->next;
        other = nullptr;
    }
}
inline void tell_callbacks(std::exception_ptr const& error) noexcept {
    for (registered* each = first_callback.load(acquire); each; each = each->next.load(acquire)) { // as in add_callback
        try {
            each->tell(error);
        } catch (...) { // nobody is there to tell
        }
    }
}

// --- engine: job -----------------------------------------------------------------------------------------------------
/// What the queue and the workers know of a job.
struct job {
    virtual void run() noexcept = 0; // once; the job is gone then
    virtual ~job() = default;
    std::atomic<job*> next{nullptr}; // in the queue
};
/// Takes from chunks what a promise allocates, its state and its result, and notes where its owners are counted.
template<class T> struct promise_allocator {
    using value_type = T;
    state_owners const*& owners;
    explicit promise_allocator(state_owners const*& noted) noexcept : owners(noted) {}
    template<class U> promise_allocator(promise_allocator<U> const& other) noexcept : owners(other.owners) {}
    template<class U> bool operator==(promise_allocator<U> const&) const noexcept { return true; }
    template<class U> bool operator!=(promise_allocator<U> const&) const noexcept { return false; }
    T* allocate(std::size_t count) {
        auto* const memory = static_cast<T*>(detail::allocate(count * sizeof(T), alignof(T)));
        if constexpr (begins_with_owners<T>) owners = memory;
        return memory;
    }
    void deallocate(T* memory, std::size_t count) noexcept {
        detail::deallocate(memory, count * sizeof(T), alignof(T));
    }
    template<class U, class... Args> void construct(U* at, Args&&... args) { // libstdc++ asks this, for its state
        ::new (static_cast<void*>(at)) made_instead<U>(std::forward<Args>(args)...);
    }
};
/// A job: the callable, its arguments, and the promise of what comes of them.
template<class R, class F, class... Args> class call final : public job {
public:
    template<class G, class... As>
    explicit call(G&& callable, As&&... args) : bound_(std::forward<G>(callable), std::forward<As>(args)...) {}
    call(call const&) = delete;
    call& operator=(call const&) = delete;
    ~call() noexcept override {} // run() has destroyed bound_
    static void* operator new(std::size_t) { return detail::allocate(sizeof(call), alignof(call)); }
    static void operator delete(void* piece) noexcept { detail::deallocate(piece, sizeof(call), alignof(call)); }
    std::future<R> get_future() { return promise_.get_future(); }
    void run() noexcept override {
        std::exception_ptr error;
        bool has_finished = false;
        try {
            if constexpr (std::is_void_v<R>) {
                std::apply(invoke, bound_);
                return finish(nullptr, [](auto& promise) { promise.set_value(); });
            } else {
                R&& result = std::apply(invoke, bound_);
                has_finished = true;
                return finish(nullptr, [&](auto& promise) { promise.set_value(std::forward<R>(result)); });
            }
        } catch (...) {
            if (has_finished) return; // what is left of the result threw as it was destroyed
            error = std::current_exception();
        } // here the handler lets go of the exception, which then is the future's alone
        finish(std::move(error), no_value);
    }

private:
    static R invoke(F& callable, Args&... args) {
        if constexpr (std::is_member_pointer_v<F>)
            return std::apply(callable, std::forward_as_tuple(std::move(args)...));
        else
            return std::move(callable)(std::move(args)...);
    }
    static void no_value(std::promise<R>&) {}
    /// The end of a job: all that it holds goes, the callbacks are called, and the future becomes ready.
    template<class Deliver> void finish(std::exception_ptr error, Deliver deliver) noexcept {
        try {
            std::destroy_at(std::addressof(bound_));
        } catch (...) {
            if (!error) error = std::current_exception();
        }
        detail::tell_callbacks(error);
        // If no future is left, set_value with its system call would be for nobody: 60 instead of 230 ns.
        bool const is_awaited = !owners_ || !detail::has_one_owner(*owners_);
        std::promise<R> promise = std::move(promise_);
        delete this;
        if (!is_awaited) return;
        try {
            if (!error) return deliver(promise);
        } catch (...) { // from the result's move
            error = std::current_exception();
        }
        promise.set_exception(std::move(error));
    }
    state_owners const* owners_ = nullptr; // of the promise's state, where they can be asked
    std::promise<R> promise_{std::allocator_arg, promise_allocator<char>(owners_)};
    union {
        std::tuple<F, Args...> bound_; // one tuple, as std::thread has: it takes std::any and std::allocator_arg
    };
};

// --- engine: slots ---------------------------------------------------------------------------------------------------
/// Who may run: arithmetic, without a lock. Written under the mutex of the pool, read by all. All orders are seq_cst,
/// as a slot that becomes free is part of the handshake (see pool). With n = 1 a job sees what the last one did:
/// whoever may run it has read here that the other slot was given back.
class slot_counts {
public:
    explicit slot_counts(int limit) : limit_(limit > 0 ? limit : 1) {} // 0: the number of processors is unknown
    int limit() const noexcept { return limit_.load(seq_cst); }        // handshake
    int held() const noexcept { return held_.load(seq_cst); }          // handshake
    int resuming() const noexcept { return resuming_.load(seq_cst); }
    /// Whether one more job may run.
    bool has_free() const noexcept { return held() < limit(); }
    /// Whether workers have to give slots back: n fell, or jobs that waited in get() want theirs again.
    bool are_wanted_back() const noexcept { return held() > limit() || resuming() > 0; }
    void set_limit(int limit) noexcept { limit_.store(limit, seq_cst); } // handshake
    void take() noexcept { held_.store(held() + 1, seq_cst); }
    void give_back() noexcept { held_.store(held() - 1, seq_cst); } // handshake
    void want_again() noexcept { resuming_.store(resuming() + 1, seq_cst); }
    /// Takes a slot for a job that wants its own again, if there is one of each.
    bool grant() noexcept {
        if (resuming() == 0 || !has_free()) return false;
        take(); // first: who looks in between sees that the slot is wanted back
        resuming_.store(resuming() - 1, seq_cst);
        return true;
    }

private:
    std::atomic<int> limit_;
    std::atomic<int> held_{0};
    std::atomic<int> resuming_{0}; // jobs that want their slot again
};

// --- engine: queue ---------------------------------------------------------------------------------------------------
/// One list, first in first out, and three counts of jobs: those that were submitted and not popped are queued, those
/// that were submitted and have not finished are outstanding. A submitter counts its job in, exchanges the tail and
/// links: it takes no lock and waits for nobody. Workers pop under a lock of their own.
///
/// The gap: a job is queued as soon as it is counted, but pop() finds it only when it is linked, and so those behind it
/// once its submitter has exchanged the tail. A worker that would park tries again (pop_past_gap). unlink() leaves the
/// job in front of a gap where it is, as the submitter will write to it.
class queue {
public:
    void count_in() noexcept { submitted_.fetch_add(1, seq_cst); } // handshake
    /// Takes back a count_in(): no push() follows.
    void count_out() noexcept { submitted_.fetch_sub(1, relaxed); }
    void push(job& last) noexcept {
        // releases the null in last.next to the next submitter, acquires that of the one before
        std::atomic<job*>* const link = tail_.exchange(&last.next, acq_rel);
        visit("gap");
        link->store(&last, release); // publishes the job's contents to pop
    }
    /// Takes the first job; null if there is none, or a gap beside it, or slots are wanted back. That is asked
    /// when the job is seen already: so none is taken that was submitted after n fell. (wanted_back_read_early)
    job* pop(slot_counts const& counts) noexcept {
        visit("pop");
        if (seems_empty()) return nullptr;
        lock();
        job* const first = first_.load(acquire); // pairs with push
        bool const is_popped = first && !counts.are_wanted_back() && unlink(*first);
        if (is_popped) popped_.store(popped_.load(relaxed) + 1, release); // pairs with queued
        unlock();
        return is_popped ? first : nullptr;
    }
    /// release: who sees the count sees all that the job did; pairs with outstanding.
    void count_finished() noexcept { finished_.fetch_add(1, release); }
    /// A hint, that saves the lock.
    bool seems_empty() const noexcept { return !first_.load(relaxed); }
    std::size_t queued() const noexcept { return submitted_but_not(popped_); }        // pairs with pop
    std::size_t outstanding() const noexcept { return submitted_but_not(finished_); } // pairs with count_finished

private:
    /// Reads the later count first: so it never comes out too small. (finished_read_last)
    std::size_t submitted_but_not(std::atomic<std::size_t> const& later) const noexcept {
        std::size_t const count = later.load(acquire);
        return submitted_.load(seq_cst) - count; // handshake; see also drain
    }
    void lock() noexcept {
        for (unsigned tries = 0; popping_.exchange(1, acquire) != 0; ++tries) pause_or_nap(tries); // pairs with unlock
    }
    void unlock() noexcept { popping_.store(0, release); } // pairs with lock
    bool unlink(job& first) noexcept {
        job* const second = first.next.load(acquire); // pairs with push
        std::atomic<job*>* link = &first.next;
        first_.store(second, relaxed); // a null must be there before the next submitter links there, hence release:
        if (second || tail_.compare_exchange_strong(link, &first_, release, relaxed)) return true;
        first_.store(&first, relaxed); // a gap: a submitter is about to link to this job, which must stay
        return false;
    }

    alignas(64) std::atomic<std::size_t> submitted_{0}; // all three count jobs, and may wrap around
    std::atomic<std::atomic<job*>*> tail_{&first_};     // where to link the next job
    alignas(64) std::atomic<std::size_t> finished_{0};
    std::atomic<std::size_t> popped_{0}; // written under the lock
    std::atomic<job*> first_{nullptr};   // written under the lock, and by push into an empty list
    std::atomic<unsigned> popping_{0};   // the lock; a word, as RISC-V and old Arm cannot exchange less
};

// --- engine: waiting -------------------------------------------------------------------------------------------------
/// How long it pays to look before sleeping. Each thread that waits has one, and learns from what its looks found:
/// after one that found something it looks for up to the most, about what waking an idle processor costs; after each
/// that found nothing half as long, soon not at all. Then it tries again now and then, so that a wait costs what it
/// costs without looking, but for a percent or two. This is timed by a clock, since a pause takes 4 to 140 cycles, and
/// nobody yields: on a busy machine that hands the processor over for a whole time slice.
///
/// Two threads that submit to each other and wait cannot get stuck in sleeping: a try succeeds whether or not the
/// other thread looks, if what it waits for comes while it looks; and each goes on trying.
class patience {
public:
    using duration = std::chrono::nanoseconds;
    explicit patience(duration most) : most_(most), length_(most) {}
    /// Looks whether `found()` until it is, or until it does not pay any more. `distance` is kept between two looks,
    /// and three times that before the first: the caller has just looked, and who looks less often finds more at once.
    template<class Found> bool look(Found found, duration distance = duration(0)) noexcept {
        if (!pays()) return false;
        auto now = clock::now();
        auto const deadline = now + (length_ > duration(0) ? length_ : most_);
        auto next = now + 3 * distance;
        do {
            do {
                pause_briefly();
                now = clock::now();
            } while (now < next);
            next = now + distance;
            if (found()) {
                learn(true);
                return true;
            }
        } while (now < deadline);
        learn(false);
        return false;
    }
    /// Whether to look this time; counts the times that it does not pay.
    bool pays() noexcept { return length_ > duration(0) || ++skipped_ >= skips_; }
    /// Whether the look was good for something.
    void learn(bool has_found) noexcept {
        skipped_ = 0;
        if (has_found) {
            length_ = most_;
            skips_ = fewest_skips;
        } else if (length_ > duration(0)) {
            length_ = length_ > most_ / 16 ? length_ / 2 : duration(0);
        } else if (skips_ < most_skips) {
            skips_ *= 2;
        }
    }

private:
    using clock = std::chrono::steady_clock;
    static constexpr int fewest_skips = 64;
    static constexpr int most_skips = 1024;
    duration most_;
    duration length_;          // of the next look; zero: only a try now and then
    int skips_ = fewest_skips; // one wait in so many tries
    int skipped_ = 0;
};
// --- engine: pool ----------------------------------------------------------------------------------------------------
/// A thread of the pool. Never deleted, as let_roll() may look at it at any time; but used again.
struct alignas(64) worker {
    std::atomic<unsigned> rolls{0};                // jobs that it has sought; written by the worker, read by all
    int seeks = 0;                                 // its part of seekers_; the worker's own
    patience looks{std::chrono::microseconds(50)}; // around for jobs
    patience defers{std::chrono::microseconds(5)}; // its next job, see let_roll
    bool is_exiting = false;                       // its job has called exit(); the worker's own
    std::thread thread{};                          // its starter's until it is enlisted; joined by who takes left_
    // guarded by the pool's mutex:
    bool (*is_ready)(void*) = nullptr; // asks what its job waits for in get(); null if it does not
    void* awaited = nullptr;           // what that is
    std::thread::id id{};              // from when its starter enlists it until it leaves
    worker* next_of_all = nullptr;
    worker* next_left = nullptr;
};
/// What a thread knows of itself, and no other. Never destroyed: usable in destructors of thread-local objects.
struct thread_state {
    worker* self = nullptr;                        // the worker that this thread is, if any
    bool is_running = false;                       // a job is on this thread's stack
    bool has_ended = false;                        // its thread_guard is destroyed
    int inline_jobs = 0;                           // on this thread's stack, for which the drain waits
    patience looks{std::chrono::microseconds(50)}; // in get() and wait()
    /// Whether a worker's job is on this thread's stack.
    bool is_in_job() const noexcept { return self && is_running; }
};
inline thread_state& this_thread() noexcept {
    static thread_local thread_state state;
    return state;
}
inline void worker_main(worker* self) noexcept;

/// The workers, the slots, and all decisions about them. tests/model has most of these functions and variables by name,
/// and is searched for all that they may do; a fault that it plants stands in parentheses where it would be.
///
/// A worker holds a slot while it runs a job and keeps it from job to job. It gives the slot back to park, and while
/// its job waits in get(). Who runs out of jobs looks around for a while, if nobody does, and parks if it finds none.
///
///     a worker is                  counted in            has a slot  becomes so by
///     being started                growing_              -           ensure
///     being started for a job      growing_, seekers_    yes         send: a job is queued, a slot free, nobody parked
///     parked                       parked_               -           park: no job was found; ensure
///     unparked, not awake yet      unparks_, seekers_    yes         send
///     coming, or looking around    seekers_              yes         sleep: it woke up; look_around
///     running                      -                     yes         find: a job was popped
///     waiting in get()             blocked_              -           block; leave_out: its job has called exit()
///     resuming, without slot       slots_.resuming()     -           unblock
///     granted its slot, not awake  granted_              yes         grant
///
/// 1. All workers but those being started hold a slot, or are parked_, blocked_ or slots_.resuming().      check
/// 2. Every job runs exactly once, and jobs start in order.                                                queue
/// 3. While jobs are queued and a slot is free, somebody looks, or one comes for each, or no thread        balance
///    can be had. Who looks or comes takes a job and hands on, or parks.
/// 4. No slot is taken beyond n.                                                                           slot_counts
/// 5. No user code runs under a lock.                                                                      start
/// 6. No exception leaves a worker.                                                                        job::run
/// 7. If there are workers, one of them does not wait in get(): it takes what is submitted next.           ensure
///
/// No wake-up is lost (3). The bad story: a worker finds nothing; a submitter adds a job and sees that somebody looks
/// or comes, or no slot free, and so wakes nobody; the worker stops looking, or frees its slot, and sleeps. It cannot
/// happen: the submitter first counts its job in (count_in), then reads seekers_, held and limit; who changes one of
/// these so that the submitter would have to wake somebody does that first and then reads how many jobs are queued
/// (queued). One of the two sees the other. All of these are seq_cst, and marked: handshake. (seekers_read_early)
class pool {
    /// Holds the mutex. Workers that are sent are woken when it has been released: else they run into it, which costs
    /// two more switches on one processor. An error is destroyed after that, as that may run user code (5).
    struct lock_type : std::unique_lock<std::mutex> {
        explicit lock_type(pool& locked) : unique_lock(locked.mutex_, std::defer_lock), of(locked) { lock(); }
        ~lock_type() {
            if (owns_lock()) unlock();
        }
        void lock() noexcept {
            ++inside::depth();
            unique_lock::lock();
        }
        void unlock() noexcept {
            if constexpr (testing) of.check();
            unique_lock::unlock();
            if (to_wake > 0) of.worker_sent_.ring(std::exchange(to_wake, 0));
            --inside::depth();
        }
        pool& of;
        int to_wake = 0;          // so many workers that were sent
        std::exception_ptr why{}; // no thread could be had
    };

public:
    void submit(job& next) noexcept {
        if (!count_in_and_push(next)) return submit_late(next);
        if (!is_cared_for()) lock_and_balance(1);
    }
    /// Makes sure that there is a worker, or throws what kept it from starting.
    void ensure_worker() {
        if (workers_.load(relaxed) > 0 || is_closed()) return;
        lock_type lock(*this);
        ensure(lock, 1);
    }
    int limit() const noexcept { return slots_.limit(); }
    void set_limit(int limit) noexcept {
        lock_type lock(*this);
        slots_.set_limit(limit);
        worker_sent_.ring(); // some may have to leave
        balance(lock, 1);
    }
    std::size_t outstanding() const noexcept { return queue_.outstanding(); }
    void wait() noexcept {
        if (!is_idle()) detail::this_thread().looks.look([this] { return is_idle(); }, between_looks);
        lock_type lock(*this);
        while (!is_over()) changed_.wait(lock);
    }
    /// Gives the slot of the calling job away, which waits for `awaited`. Throws if no worker can be had for that (7).
    void block(bool (*is_ready)(void*), void* awaited) {
        thread_state& me = detail::this_thread();
        if (me.self->is_exiting) // the drain stands below this job on the stack, and has to come back to it
            throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again), "background");
        lock_type lock(*this);
        ensure(lock, 2);
        me.self->is_ready = is_ready;
        me.self->awaited = awaited;
        step_aside(lock);
    }
    /// Takes a slot again, before queued jobs get one. When the pool has closed it never returns, as static objects may
    /// be gone: only exit() in a job leaves others blocked.
    void unblock() noexcept {
        inside const resuming; // exit() in a signal handler finds a job here that waits without saying so
        thread_state& me = detail::this_thread();
        lock_type lock(*this);
        me.self->is_ready = nullptr;
        if (!is_closed()) {
            --blocked_;
            slots_.want_again();
            balance(lock, 1); // (resumes_last)
        }
        while (granted_ == 0) slot_granted_.wait(lock);
        --granted_;
    }
    /// A worker's life. At its end it joins those that have left before, and is joined by one that leaves later, or by
    /// the drain. Who is to be joined joins nobody any more: no worker's end takes longer than that of one other.
    void work(worker& self) noexcept {
        lock_type lock(*this);
        while (sleep(lock, self)) {
            lock.unlock();
            serve(self);
            lock.lock();
            park(lock, self);
        }
        --parked_;
        self.id = std::thread::id();
        workers_.fetch_sub(1, relaxed);
        ++leaving_;
        changed_.ring(); // a thread-local object of those before may be in wait()
        worker* before = std::exchange(left_, nullptr);
        lock.unlock();
        join(before);
        lock.lock();
        while (before) {
            worker& joined = *std::exchange(before, before->next_left);
            joined.next_left = std::exchange(spare_, &joined);
        }
        --leaving_;
        self.next_left = std::exchange(left_, &self);
        changed_.ring();
    }
    void drain() noexcept;
    void start_over() noexcept;

private:
    // What a worker does.
    /// Sleeps until it is sent, and holds a slot. False if it has to leave, as too many are parked, or it is the end;
    /// but not while one is being started, maybe this: its starter has yet to count it. (leaves_while_growing)
    bool sleep(lock_type& lock, worker& self) noexcept {
        auto const is_needless = [this] { return growing_ == 0 && (is_closed() || parked_ > limit()); };
        while (unparks_ == 0 && !is_needless()) worker_sent_.wait(lock); // (wakes_untold)
        if (unparks_ == 0) return false;
        --unparks_;
        self.seeks = one_comes;
        return true;
    }
    void serve(worker& self) noexcept {
        while (job* const next = find(self)) {
            run_and_count(*next);
            bool const may_retry = retry_.load(relaxed) > 0 && retry_.fetch_sub(1, relaxed) == 1;
            if (may_retry) lock_and_balance(1); // (no_retry)
        }
    }
    job* find(worker& self) noexcept {
        let_roll(self);
        job* next = queue_.pop(slots_);
        if (!next && self.seeks == one_comes) in_vain_.store(1000, relaxed); // see is_one_enough
        if (!next) next = look_around(self);
        if (!next) next = pop_past_gap();
        if (next) hand_on(self);
        return next;
    }
    /// Between two jobs, lets the worker that popped last go on alone for 5 microseconds, if lately that was good for
    /// many jobs: they and the queue stay in the cache of one processor. So a job in a job costs 140, not 260 ns.
    void let_roll(worker& self) noexcept {
        self.rolls.store(self.rolls.load(relaxed) + 1, relaxed);
        worker const* const other = rolling_.load(acquire); // pairs with the store below
        if (other == &self || self.seeks > 0) return;
        if (other && !queue_.seems_empty() && self.defers.pays()) {
            unsigned const before = other->rolls.load(relaxed);
            auto const deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(5);
            while (std::chrono::steady_clock::now() < deadline) pause_briefly();
            self.defers.learn(other->rolls.load(relaxed) - before >= 16);
        }
        rolling_.store(&self, release); // a worker that may be new
    }
    /// Looks for a job, unless somebody does or two come: more than one who looks fight for the queue.
    job* look_around(worker& self) noexcept {
        int const others = seekers_.fetch_add(one_looks - self.seeks, seq_cst) - self.seeks; // handshake
        self.seeks = one_looks;
        if (others >= one_looks) return nullptr;
        if (changed_.is_awaited()) { // who waits for the pool to be idle need not wait for this look as well
            lock_type const lock(*this);
            if (is_idle()) changed_.ring();
        }
        job* next = nullptr;
        auto const may_stop = [this, &next] {
            next = queue_.pop(slots_);
            return next || slots_.are_wanted_back() || is_closing();
        };
        self.looks.look(may_stop, between_looks);
        return next;
    }
    job* pop_past_gap() noexcept {
        for (unsigned tries = 0;; ++tries) {
            job* const next = queue_.pop(slots_);
            if (next || slots_.are_wanted_back() || queue_.queued() == 0) return next;
            pause_or_nap(tries); // the submitter may have been preempted
        }
    }
    /// Before it runs a job, who looked or has come sees to it that somebody takes the next (3). Who has come sends
    /// two: so all who are needed come soon, and who submitted pays for two. (no_hand_on)
    void hand_on(worker& self) noexcept {
        int const sought = stop_seeking(self);
        if (sought == 0 || !slots_.has_free() || queue_.queued() == 0) return; // handshake
        lock_and_balance(sought == one_comes ? 2 : 1);
    }
    int stop_seeking(worker& self) noexcept {
        if (self.seeks > 0) seekers_.fetch_sub(self.seeks, seq_cst); // handshake
        return std::exchange(self.seeks, 0);
    }
    static void join(worker* left) noexcept {
        for (; left; left = left->next_left) left->thread.join();
    }
    void run_and_count(job& next) noexcept {
        run_inline(next);
        queue_.count_finished();
    }
    static void run_inline(job& next) noexcept {
        thread_state& me = detail::this_thread();
        bool const outer = std::exchange(me.is_running, true);
        next.run();
        me.is_running = outer;
    }
    void park(lock_type& lock, worker& self) noexcept {
        stop_seeking(self);
        slots_.give_back();
        ++parked_;
        balance(lock, 1);
        close_at_lull();
        if (changed_.is_awaited() && is_idle()) changed_.ring();
    }

    // Decisions, made under mutex_ from balance() on. What has a parameter `lock` may release it meanwhile.
    /// False, and takes the count back, if the program ends and this is no worker's job.
    bool count_in_and_push(job& next) noexcept {
        inside const submitting;
        queue_.count_in();
        visit("counted");
        bool const is_late = is_closing() && !detail::this_thread().is_in_job();
        is_late ? queue_.count_out() : queue_.push(next);
        return !is_late;
    }
    /// Whether a job that was submitted needs nobody to be sent for it: no slot is free, or somebody looks or enough
    /// are coming (who send others), or it has been taken.
    bool is_cared_for() noexcept {
        if (!slots_.has_free()) return true;        // handshake
        int const seekers = seekers_.load(seq_cst); // handshake
        if (seekers >= one_looks || queue_.queued() == 0) return true;
        return seekers == one_comes && is_one_enough();
    }
    /// Two are sent at once, as one after the other takes long; but for a while after one has come in vain, one. On one
    /// processor a job of a burst costs 190 instead of 320 ns so.
    bool is_one_enough() noexcept {
        int const left = in_vain_.load(relaxed);
        if (left > 0) in_vain_.store(left - 1, relaxed);
        return left > 0;
    }
    /// Gives free slots to those who want them: first to jobs that resume, then to workers for what is queued: to so
    /// many here, who have the next sent. Called when a slot has become free, or a job has come, or nobody looks.
    void balance(lock_type& lock, int most) noexcept {
        grant();
        visit("send");
        while (most > 0 && may_send()) {
            bool const is_sent = send(lock);
            if (is_sent) --most;
            if (!is_sent && parked_ == 0) return; // no thread can be had: then retry_ counts (no_second_look)
        }
    }
    void lock_and_balance(int most) noexcept {
        lock_type lock(*this);
        balance(lock, most);
    }
    void grant() noexcept {
        while (slots_.grant()) {
            ++granted_;
            slot_granted_.ring(1);
        }
    }
    /// Whether there is a slot, and a job for which nobody looks and nobody comes. There is none when the pool has
    /// closed: what is counted in then is about to be counted out.
    bool may_send() const noexcept {
        auto const seekers = static_cast<std::size_t>(seekers_.load(seq_cst)); // handshake
        return !is_closed() && slots_.has_free() && queue_.queued() > seekers;
    }
    /// Sends a worker, with a slot: one that is parked, or a new one. False if no thread can be had.
    bool send(lock_type& lock) noexcept {
        slots_.take();
        seekers_.fetch_add(one_comes, seq_cst);
        if (parked_ > 0 || start(lock)) {
            --parked_;
            ++unparks_;
            ++lock.to_wake;
            return true;
        }
        seekers_.fetch_sub(one_comes, seq_cst); // handshake
        slots_.give_back();
        grant();
        return false;
    }
    /// Sees to it that so many workers do not wait in get(). Throws if that needs a thread which cannot be had.
    void ensure(lock_type& lock, int wanted) {
        while (unblocked() < wanted && !is_closed()) {
            bool const others_start = growing_ > 0 && inside::depth() == 1; // not this thread, amid start()
            if (others_start) {
                changed_.wait(lock); // (starts_at_once)
            } else if (!start(lock) && unblocked() < wanted) {
                lock.unlock();
                std::rethrow_exception(lock.why);
            }
        }
    }
    /// Starts a worker, parked. False if no thread can be had: lock.why says why. Releases the lock meanwhile: this
    /// takes long, and it allocates, by the user's operator new perhaps, which may submit jobs (5).
    bool start(lock_type& lock) noexcept {
        inside const starting;
        ++growing_;
        worker* const spare = spare_;
        if (spare) spare_ = spare->next_left;
        worker* fresh = spare;
        lock.unlock();
        visit("start");
        bool const has_started = start_thread(fresh, lock.why);
        lock.lock();
        --growing_;
        if (fresh != spare) fresh->next_of_all = std::exchange(all_, fresh);
        has_started ? enlist(*fresh) : give_up(fresh);
        if (parked_ > limit()) worker_sent_.ring(); // who has to leave has waited for this, see sleep
        changed_.ring();
        return has_started;
    }
    void enlist(worker& fresh) noexcept {
        fresh.id = fresh.thread.get_id();
        ++parked_;
        workers_.fetch_add(1, relaxed);
        retry_.store(0, relaxed);
        retry_next_ = 1;
    }
    void give_up(worker* fresh) noexcept {
        if (fresh) fresh->next_left = std::exchange(spare_, fresh);
        if (retry_.load(relaxed) > 0) return;
        retry_.store(retry_next_, relaxed); // more and more seldom, as each try may cost more than a job
        retry_next_ = retry_next_ < 64 ? retry_next_ * 2 : 64;
    }
    bool start_thread(worker*& fresh, std::exception_ptr& why) noexcept { // without the lock
        try {
            if (!fresh) fresh = new worker;
            // no lambda: that would put its type into a symbol of std's, shared by plugins with hidden symbols
            fresh->thread = std::thread(&worker_main, fresh);
            why = nullptr;
        } catch (...) {
            why = std::current_exception();
        }
        return !why;
    }
    /// This thread's job waits from here on, or has called exit(): its slot goes back. (slot_kept)
    void step_aside(lock_type& lock) noexcept {
        slots_.give_back();
        ++blocked_;
        balance(lock, 1);
        close_at_lull();
    }
    /// Whether wait() may return. After exit() in a job main must not: static objects are gone.
    bool is_over() const noexcept {
        if (inline_ > 0) return false;
        if (!is_closed()) return is_idle();
        return workers_.load(relaxed) <= blocked_ && (exits_ == 0 || !on_main_thread());
    }
    int unblocked() const noexcept { return workers_.load(relaxed) - blocked_; }
    /// Nothing is queued or running, and all who hold a slot look around: others are about to, and if the next job came
    /// now another worker would start for it.
    bool is_idle() const noexcept { return outstanding() == 0 && one_looks * slots_.held() <= seekers_.load(relaxed); }
    /// (1), whenever the mutex is released.
    void check() const noexcept {
        int const accounted = slots_.held() + parked_ + blocked_ + slots_.resuming();
        int const known = workers_.load(relaxed);
        bool const adds_up = growing_ > 0 ? known <= accounted : known == accounted;
        bool const is_granted = slots_.resuming() == 0 || !slots_.has_free();
        if (!adds_up || !is_granted || slots_.held() < unparks_ + granted_ || parked_ < 0) std::abort();
    }

    // The end: see lifetime.
    void submit_late(job& next) noexcept;
    bool is_closing() const noexcept { return closing_.load(seq_cst); } // see drain
    bool is_closed() const noexcept { return closed_.load(relaxed); }
    std::size_t cut_off() const noexcept;
    void close_at_lull() noexcept;
    /// Whether a job is queued that no worker will take: all wait in get().
    bool is_forsaken() const noexcept { return unblocked() == 0 && growing_ == 0 && may_send(); }
    void run_as_last_resort(lock_type& lock) noexcept;
    void leave_out(lock_type& lock, worker* exiting) noexcept;
    void leave_out_newborn(lock_type& lock) noexcept;

    static constexpr int one_comes = 1; // what a worker adds to seekers_: who looks sees a job sooner than two who come
    static constexpr int one_looks = 2;
    /// Who looks more often than others submit fights with them for the queue: 140 instead of 95 ns.
    static constexpr auto between_looks = std::chrono::nanoseconds(150);

    queue queue_{};
    alignas(64) std::atomic<worker*> rolling_{nullptr}; // who popped last, if not after a look
    // read by submitters and workers, seldom written
    alignas(64) slot_counts slots_{static_cast<int>(std::thread::hardware_concurrency())};
    std::atomic<int> seekers_{0};      // workers that come or look around, by what each adds
    std::atomic<int> in_vain_{0};      // so many submissions send nobody beside one who is coming
    std::atomic<int> workers_{0};      // that have been started and have not left; written under mutex_
    std::atomic<int> retry_{0};        // so many jobs end before a thread is tried for again, if any
    std::atomic<bool> closing_{false}; // the pool drains
    std::atomic<bool> closed_{false};  // jobs run inline; written under mutex_
    // guarded by mutex_
    alignas(64) std::mutex mutex_{};
    doorbell worker_sent_{};  // where parked workers sleep
    doorbell slot_granted_{}; // where jobs sleep until they have their slot again
    doorbell changed_{};      // for wait() and drain(), and who waits for another thread's start of a worker
    int parked_ = 0;          // workers
    int unparks_ = 0;         // so many workers were sent and are not awake yet
    int growing_ = 0;         // workers that are being started
    int blocked_ = 0;         // workers whose jobs wait in get(), or that have called exit()
    int granted_ = 0;         // jobs that have their slot again and are not awake yet
    worker* all_ = nullptr;   // workers that ever were
    worker* spare_ = nullptr; // have been joined, for use again
    worker* left_ = nullptr;  // have left, to be joined
    int leaving_ = 0;         // workers that are about to be among these
    int exits_ = 0;           // jobs that have called exit()
    int late_ = 64;           // so many jobs may other threads still submit while the pool drains
    int inline_ = 0;          // jobs that run inline, begun before the pool closed
    int retry_next_ = 1;      // what retry_ will be
};

// --- engine: lifetime ------------------------------------------------------------------------------------------------
// While the pool drains everything holds as before, but that workers do not look around, and that threads which are no
// workers may submit only a few more jobs: else who goes on submitting would keep the process alive. It closes at the
// first lull, when no job is queued or running; whoever makes the lull closes it, under the mutex. From then on jobs
// run inline, on the thread that submits them. What has begun to run inline before is waited for as well.
inline void pool::submit_late(job& next) noexcept {
    lock_type lock(*this);
    if (!is_closed() && late_ > 0) {
        --late_;
        queue_.count_in();
        queue_.push(next);
        return balance(lock, 1);
    }
    int const counted = is_closed() ? 0 : 1;
    int& inline_jobs = detail::this_thread().inline_jobs;
    inline_ += counted;
    inline_jobs += counted;
    lock.unlock();
    run_inline(next);
    if (counted == 0) return;
    lock.lock();
    --inline_;
    --inline_jobs;
    changed_.ring(); // that this job was counted in for a moment may have hidden a lull, too
}
/// How many jobs the drain does not wait for, when a job has called exit(): that one, and those that wait in get(),
/// since it may be for the exiting one. But not those whose future is ready: they may not know. (ready_is_cut_off)
inline std::size_t pool::cut_off() const noexcept {
    if (exits_ == 0) return 0;
    auto count = static_cast<std::size_t>(exits_);
    for (worker const* each = all_; each; each = each->next_of_all)
        if (each->is_ready && !each->is_ready(each->awaited)) ++count;
    return count;
}
/// Not while a worker is being started (closes_while_growing).
inline void pool::close_at_lull() noexcept {
    if (!is_closing() || is_closed() || growing_ > 0) return;
    std::size_t const left = outstanding(); // first: a future is ready before its job has finished (cut_off_read_first)
    if (left != cut_off()) return;
    closed_.store(true, relaxed);
    worker_sent_.ring();
    changed_.ring();
}
/// Waits until nothing is queued or running, and the workers have ended. If this is exit() in a job, its worker counts
/// as blocked from here on; and where all others wait in get() and no thread can be had, it runs what is queued itself.
inline void pool::drain() noexcept {
    thread_state& me = detail::this_thread();
    worker* const exiting = me.is_in_job() ? me.self : nullptr;
    // exit() in a signal handler, on a worker that is parked or waits, or amid the pool: nothing can be done
    if (me.self && (!exiting || exiting->is_ready)) ++inside::depth(); // nor at the next call
    if (in_dll() || inside::depth() > 0) return;
    lock_type lock(*this);
    if (is_closed() && (exits_ == 0 || me.has_ended)) return; // it has drained; but main stays while a job exits
    closing_.store(true, seq_cst); // who counts a job in after this sees it, or is waited for
    leave_out(lock, exiting);
    for (close_at_lull(); !is_closed(); close_at_lull()) {
        if (exiting && is_forsaken())
            run_as_last_resort(lock);
        else
            changed_.wait(lock);
    }
    // The exit code is that of the job that calls exit(): main, which may return meanwhile, stays here. (With glibc
    // 2.41 and later the second of two exits waits for the first, for ever if that is main's.)
    while (workers_.load(relaxed) > blocked_ || leaving_ > 0 || inline_ > 0 || (exits_ > 0 && !exiting))
        changed_.wait(lock);
    worker* const left = std::exchange(left_, nullptr);
    lock.unlock();
    join(left);
}
/// The pool goes on without this thread: in a job, or in a signal handler that may have interrupted anything.
inline void pool::leave_out(lock_type& lock, worker* exiting) noexcept {
    thread_state& me = detail::this_thread();
    inline_ -= std::exchange(me.inline_jobs, 0);
    if (exiting) {
        exiting->is_exiting = true;
        ++exits_;
        return step_aside(lock);
    }
    if (!me.self && !on_main_thread()) leave_out_newborn(lock);
    balance(lock, 1); // as a submitter was about to
}
/// Counts this worker as blocked, if it is one that has just been born and knows nothing of it yet. There Ctrl-C comes
/// while a thread is being started, as signals are blocked for its starter then.
inline void pool::leave_out_newborn(lock_type& lock) noexcept {
    while (growing_ > 0) changed_.wait(lock); // until its starter has told its id
    worker* each = all_;
    while (each && each->id != std::this_thread::get_id()) each = each->next_of_all;
    if (!each) return;
    if (parked_ > 0) {
        --parked_; // if it is another that has been sent: they are alike
    } else {
        --unparks_;
        seekers_.fetch_sub(one_comes, seq_cst); // handshake
        slots_.give_back();
    }
    ++blocked_;
}
/// Runs what is queued on the exiting thread, with a slot, unless a thread can be had now. Only as a last resort: its
/// thread-local objects are gone. (no_last_resort)
inline void pool::run_as_last_resort(lock_type& lock) noexcept {
    balance(lock, 1);
    if (!is_forsaken()) return;
    --blocked_;
    slots_.take();
    lock.unlock();
    while (job* const next = pop_past_gap()) run_and_count(*next);
    lock.lock();
    step_aside(lock);
}
/// In a forked child, where only the forking thread is left, and any lock may be held: a new pool in this place, from
/// what two atomics say. The jobs are the parent's.
inline void pool::start_over() noexcept {
    int const limit = slots_.limit();
    bool const was_closed = is_closed();
    pool& fresh = *::new (static_cast<void*>(this)) pool;
    fresh.slots_.set_limit(limit);
    fresh.closed_.store(was_closed, relaxed);
    fresh.closing_.store(was_closed, relaxed);
}

inline pool& the_pool();
/// Notices the end of a thread. On the main thread that is the end of the program, and it comes before the destructor
/// of any static object ([basic.start.term]). On a worker that is not done it is exit(), in its job or in a signal
/// handler. On a worker it is made first, so destroyed after the thread-local objects of all jobs.
struct thread_guard {
    static void make() {
        static thread_local thread_guard guard;
        static_cast<void>(guard);
    }
    ~thread_guard() {
        thread_state& me = detail::this_thread();
        if (me.self || on_main_thread()) the_pool().drain();
        me.has_ended = true;
        me.self = nullptr;
        me.is_running = false; // the job that called exit() will not go on
        detail::this_cursor().give_all_back();
    }
};
/// The pool, made at first use and never destroyed, as it has to outlive every static object and every thread.
inline pool& the_pool() {
    alignas(pool) static unsigned char storage[sizeof(pool)];
    static pool* const made = [] {
        pool* const first = ::new (static_cast<void*>(storage)) pool;
        // No lock is held around fork(): others' handlers may use the pool. The forking thread is the child's main
        // thread, in no job that anybody waits for.
        after_fork_in_child([] {
            detail::this_thread() = thread_state();
            inside::depth() = 0;
            the_pool().start_over();
            thread_guard::make();
        });
        std::atexit([] { the_pool().drain(); }); // for an exit() on another thread than main and workers
        return first;
    }();
    return *made;
}
/// Guards the main thread from before `main`: it is the one that runs static initialisers.
inline bool const guarded = [] {
    thread_guard::make();
    the_pool();
    return true;
}();
inline void worker_main(worker* self) noexcept {
    thread_guard::make();
    name_this_thread();
    thread_state& me = detail::this_thread();
    me.self = self; // so late for exit() in a signal handler, see leave_out_newborn
    the_pool().work(*self);
    ++inside::depth(); // the drain waits for this thread: exit() in a signal handler or a destructor must not drain
    me.self = nullptr;
}
/// Looks while that pays; then, in a job, waits without the slot. Outside of one, the caller sleeps as it always does.
template<class Awaited> void look_then_wait(Awaited& awaited) {
    using namespace std::chrono_literals;
    thread_state& me = detail::this_thread();
    if (me.self && me.self->is_ready) return; // called by the wait() below
    auto const is_ready = [](void* future) {
        return static_cast<Awaited*>(future)->wait_for(0s) != std::future_status::timeout; // but ready, or deferred
    };
    void* const future = const_cast<std::remove_const_t<Awaited>*>(std::addressof(awaited));
    bool const may_look = !me.is_in_job() || the_pool().limit() > 1; // with one slot no other job can be at it
    auto const found = [&] { return is_ready(future); };
    if (found() || (may_look && me.looks.look(found))) return;
    if (!me.is_in_job()) return;
    bool constexpr may_ask = asks_without_lock<std::remove_const_t<Awaited>>;
    the_pool().block(
        may_ask ? is_ready : +[](void*) { return false; }, future);
    struct with_slot_again {
        ~with_slot_again() { the_pool().unblock(); }
    } const after_it;
    awaited.wait();
}
inline limit_variable::operator int() const noexcept { return the_pool().limit(); }
template<class Integer> limit_variable& limit_variable::operator=(Integer value) {
    static_assert(std::is_integral_v<Integer> || (std::is_enum_v<Integer> && std::is_convertible_v<Integer, long long>),
                  "background: n takes an integer");
    auto const wanted = +value; // as an integer that is no enumeration, and an int at least
    using wide = decltype(wanted);
    if (wanted < wide{1}) {
        auto const named = static_cast<long long>(wanted); // std::to_string takes no 128 bits
        throw std::invalid_argument("background::n is at least 1, not " + (static_cast<wide>(named) == wanted
                                                                               ? std::to_string(named)
                                                                               : "what is out of long long's range"));
    }
    the_pool().set_limit(wanted < wide{INT_MAX} ? static_cast<int>(wanted) : INT_MAX);
    return *this;
}
} // namespace detail

// --- what joins the interface and the engine -------------------------------------------------------------------------
template<class F, class... Args> detail::future_of<F, Args...> run(F&& callable, Args&&... args) {
    using callable_type = std::decay_t<F>;
    static_assert(detail::can_be_called<callable_type>(),
                  "background: the first argument of run() is no callable: run(f, x) runs f(x) in the background");
    static_assert(std::is_constructible_v<callable_type, F>,
                  "background: the callable is move-only and the call would copy it: move it, or std::move(task)(...)");
    static_assert((std::is_constructible_v<std::decay_t<Args>, Args> && ...),
                  "background: an argument cannot be copied: move it, or pass a reference with std::ref");
    using R = typename detail::result_of_job<callable_type, std::decay_t<Args>...>::type;
    using call = detail::call<R, callable_type, std::decay_t<Args>...>;
    detail::thread_guard::make();
    detail::the_pool().ensure_worker(); // first: if none can be had, callable and arguments are as they were
    call& next = *new call(std::forward<F>(callable), std::forward<Args>(args)...);
    auto future = next.get_future();
    detail::the_pool().submit(next);
    return future;
}
inline void wait() {
    if (detail::this_thread().is_running)
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                "background::wait() inside a task");
    detail::the_pool().wait();
}
template<class Future> decltype(auto) get(Future&& future) {
    static_assert(std::is_class_v<std::decay_t<Future>>, "background: get() takes a std::future or std::shared_future");
    if (!future.valid()) throw std::future_error(std::future_errc::no_state);
    detail::look_then_wait(future);
    return future.get();
}
inline std::uint64_t pending() noexcept { return detail::the_pool().outstanding(); }
template<class F> void callback(F&& callback) {
    using stored = std::decay_t<F>;
    static_assert(std::is_invocable_v<stored&, std::exception_ptr>, "background: a callback takes std::exception_ptr");
    detail::add_callback(*new detail::registered_callback<stored>(std::forward<F>(callback)));
}
} // namespace v1_1_0
} // namespace background
#if defined(_MSC_VER)
#pragma warning(pop)
#endif
#endif // of C++17 with exceptions
