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
// interface comes first and is all one needs to know; the engine follows, bottom-up.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>             // the queue, the flags that submitters read
#include <chrono>             // wait_for
#include <climits>            // INT_MAX
#include <condition_variable> // parking
#include <cstddef>            // size_t, max_align_t
#include <cstdint>            // counters of fixed width
#include <cstdlib>            // atexit
#include <exception>          // exception_ptr
#include <future>             // promise, future, shared_future
#include <memory>             // unique_ptr, allocator_arg
#include <mutex>              // mutex, unique_lock
#include <new>                // placement and over-aligned new
#include <stdexcept>          // invalid_argument
#include <string>             // the message of invalid_argument
#include <system_error>       // system_error
#include <thread>             // thread
#include <tuple>              // the arguments of a job, and apply
#include <type_traits>        // decay, invoke_result
#include <utility>            // move, forward, exchange

#define BACKGROUND_VERSION "1.0.0"
// --- platform: all that differs from one system, compiler or standard library to the next ----------------------------
#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "background.hpp needs exceptions: they carry a job's failure to its future"
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h> // thread names, pthread_atfork
#endif
#if defined(__linux__)
#include <sys/syscall.h> // SYS_gettid
#include <unistd.h>      // getpid, syscall
#elif defined(__MINGW32__)
#include <cxxabi.h>  // __cxa_thread_atexit
#include <process.h> // _cexit, _exit
#elif defined(_MSC_VER)
#pragma warning(push, 3) // level 4 warns of what alignas pads and of code behind `if constexpr`
extern "C" struct _IMAGE_DOS_HEADER __ImageBase; // of this program or DLL
#endif

namespace background::detail {
// name_this_thread: for debuggers and `ps -L`. on_main_thread: where the system cannot tell, the main thread is the one
// that runs this header's initialisers. at_fork: around fork(), where there is one. relax: this thread waits in a loop.
// in_dll: when this code is unloaded, other threads are dead or cannot end. first_at_exit: as on MinGW static objects
// may die before thread-local ones, the program is linked with exit() as below, which begins with this.
using hook = void (*)();
inline hook first_at_exit = [] {};
#if defined(__linux__)
inline void name_this_thread() noexcept { ::pthread_setname_np(::pthread_self(), "background"); }
inline bool on_main_thread() noexcept { return ::getpid() == static_cast<::pid_t>(::syscall(SYS_gettid)); }
#elif defined(__APPLE__)
inline void name_this_thread() noexcept { ::pthread_setname_np("background"); }
inline bool on_main_thread() noexcept { return ::pthread_main_np() != 0; }
#else
inline void name_this_thread() noexcept {}
inline std::thread::id const main_thread = std::this_thread::get_id();
inline bool on_main_thread() noexcept { return std::this_thread::get_id() == main_thread; }
#endif
#if defined(__MINGW32__)
#if defined(__GLIBCXX__) && !defined(__i386__) // before any use of thread_local, whose memory else goes first
__attribute__((constructor(101), used)) inline void order() { abi::__cxa_thread_atexit(std::free, nullptr, nullptr); }
#endif
extern "C" char __mingw_module_is_dll;
inline bool in_dll() noexcept { return __mingw_module_is_dll != 0; }
extern "C" __attribute__((used)) inline void exit(int code) { first_at_exit(), ::_cexit(), ::_exit(code); }
#elif defined(_MSC_VER)
inline auto const image = reinterpret_cast<unsigned char const*>(&__ImageBase);
inline bool in_dll() noexcept { return image[*reinterpret_cast<int const*>(image + 60) + 23] & 0x20; } // its PE header
#else
inline bool in_dll() noexcept { return false; }
#endif
#if defined(__unix__) || defined(__APPLE__)
inline void at_fork(hook before, hook parent, hook child) noexcept { ::pthread_atfork(before, parent, child); }
#else
inline void at_fork(hook, hook, hook) noexcept {}
#endif
inline void relax() noexcept {
#if defined(__i386__) || defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__arm__) || defined(__aarch64__)
    __asm__ __volatile__("yield" ::: "memory");
#endif
}
// What a std::promise allocates besides the result and its frame: exact for libstdc++, on Linux, and enough for others.
// Too small a guess costs a visit to operator new, nothing else.
constexpr auto shared_state_bytes = sizeof(std::packaged_task<void()>) == 2 * sizeof(void*) ? 7 * sizeof(void*) : 192;

// --- interface -------------------------------------------------------------------------------------------------------
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

/// Whether F can be a callable. A class with an operator(), overloaded or a template as it may be, makes that name
/// ambiguous in call_operators<F>, as std::default_delete has one too; a class without is none, if that can be asked.
template<class F> struct call_operators : F, std::default_delete<struct job> {};
template<class F, class = void>
constexpr bool looks_callable =
    !std::is_scalar_v<F> || std::is_function_v<std::remove_pointer_t<F>> || std::is_member_pointer_v<F>;
template<class F>
constexpr bool looks_callable<
    F, std::void_t<std::enable_if_t<std::is_class_v<F> && !std::is_final_v<F> && !std::is_polymorphic_v<F>>,
                   decltype(&call_operators<F>::operator())>> = false;

/// The type of `background::n`. Not copyable: `auto old = n` would go on changing; write `int old = n`.
struct limit_variable {
    limit_variable() = default;
    limit_variable(limit_variable&&) = delete;
    operator int() const noexcept;
    template<class Integer> limit_variable& operator=(Integer slots);
};
} // namespace background::detail

/// Runs functions in the background, on a global pool of workers.
namespace background {
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
/// if there is no worker yet and none can be started: then nothing was submitted. Any thread may call it, at any time:
/// before `main` too, and in static destructors, when the pool has ended and the job runs inline. Every job finishes
/// before the process ends by exit() or return from `main`, and on exit from the main thread or from inside a task
/// before any static object is destroyed.
template<class F, class... Args> detail::future_of<F, Args...> run(F&& callable, Args&&... args);

/// Wraps a callable into one that submits itself: `background::task work{f};` makes `work(x)` the same as `run(f, x)`.
///
/// Calling an lvalue copies the callable into the job, so calls never race with each other and many threads may call
/// one task, also a const one. Calling an rvalue (`std::move(work)(args...)`) moves it: a move-only callable works
/// there. A task may be copied and moved as its callable may. Use braces: `background::task(f)(x);` as a statement
/// declares a variable `f`; where that can be told, it does not compile.
template<class F> class task {
    static_assert(detail::looks_callable<F>,
                  "background: a task wraps a callable, and this is none; mind the braces: `background::task(f)(x);` "
                  "declares a variable f, `background::task{f}(x);` submits a job");
    F callable_;

public:
    /// Wraps the callable; throws what moving it throws.
    explicit task(F callable) : callable_(std::move(callable)) {}
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
/// was. With libstdc++ a plain `.get()` or `.wait()` on a future that this library returned does the same.
template<class Future> decltype(auto) get(Future&& future);

/// Returns how many jobs are queued or running: each from its submission until shortly after its future is ready.
/// Blocks for no job and never throws; any thread may call it.
std::uint64_t pending() noexcept;

/// Calls `callback(std::exception_ptr)` after every job from now on, with what the job threw or null.
/// Callbacks run on the worker, in the order of registration, before the job's future becomes ready, and on several
/// workers at the same time. What they throw is ignored. They may submit jobs and register callbacks. They stay for
/// ever. Any thread may register, at any time. Throws what copying the callback or allocating throws.
template<class F> void callback(F&& callback);
} // namespace background

// --- engine: memory --------------------------------------------------------------------------------------------------
// From here on short statements that belong together share a line, also that of their head.
// clang-format off
namespace background::detail {
constexpr auto relaxed = std::memory_order_relaxed, acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release, acq_rel = std::memory_order_acq_rel;
/// A job lives in one block, made by the submitting thread and freed by another: the worst case for malloc (230 ns, not
/// 60). So a thread carves blocks from a chunk of its own, which counts its live blocks and goes with the last of them.
/// While it is open its owner holds a large share of the count: carving needs no atomic operation, and zero is far.
struct chunk {
    static constexpr std::size_t bytes = 8192 - 64; // with its header and malloc's, two pages
    static constexpr std::uint32_t owner_share = 1u << 30;
    std::atomic<std::uint32_t> live{owner_share};
    std::uint32_t handed_out = 0; // written by the owner
    std::size_t used = 0;         // written by the owner
    alignas(std::max_align_t) unsigned char room[bytes];
};
/// What a thread, and no other, knows of itself. Never destroyed: usable in destructors of thread-local objects.
struct thread_state {
    struct worker* self = nullptr; // the worker that this thread is, if any
    chunk* open = nullptr;         // what this thread carves its jobs from
    bool running = false;          // a job is on this thread's stack
    bool waiting = false;          // and has given its slot away
    bool ended = false;            // it has been a worker, or its thread_guard is destroyed
};
inline thread_state& this_thread() noexcept { static thread_local thread_state state; return state; }
// acq_rel: whoever sees zero comes after all that others did with their blocks
inline void return_shares(chunk& used, std::uint32_t shares) noexcept {
    if (used.live.fetch_sub(shares, acq_rel) == shares) delete &used;
}
/// Closes the thread's chunk: from here on it goes when its last block does.
inline void close_chunk(thread_state& me, chunk* next = nullptr) noexcept {
    if (auto* full = std::exchange(me.open, next)) return_shares(*full, chunk::owner_share - full->handed_out);
}
constexpr std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }
/// Whether a T is carved from a chunk; large and over-aligned ones come from operator new.
template<class T> constexpr bool carved = sizeof(T) <= chunk::bytes / 4 && alignof(T) <= alignof(std::max_align_t);
template<class T> void* allocate() {
    if constexpr (!carved<T>) return ::operator new(sizeof(T), std::align_val_t{alignof(T)});
    static_assert(alignof(T) >= alignof(chunk*)); // in front of the block its chunk is noted
    thread_state& me = this_thread();
    std::size_t begin = me.open ? round_up(me.open->used, alignof(T)) : chunk::bytes;
    if (begin + alignof(T) + sizeof(T) > chunk::bytes) { close_chunk(me, new chunk); begin = 0; }
    unsigned char* const block = me.open->room + begin + alignof(T);
    ::new (static_cast<void*>(block - sizeof(void*))) chunk*(me.open);
    me.open->used = begin + alignof(T) + sizeof(T);
    ++me.open->handed_out;
    if (me.ended) close_chunk(me); // nobody would close it later
    return block;
}
template<class T> void deallocate(void* block) noexcept {
    if constexpr (!carved<T>) return ::operator delete(block, std::align_val_t{alignof(T)});
    return_shares(**(static_cast<chunk**>(block) - 1), 1);
}

// --- engine: callbacks -----------------------------------------------------------------------------------------------
/// One of a list that only grows, by one store each: reading it takes no lock, and a fork cannot find it half made.
struct registered {
    void (*call)(registered& self, std::exception_ptr const& error);
    std::atomic<registered*> next{nullptr};
};
template<class F> struct registered_callback : registered { F callable; };
inline std::atomic<registered*> first_callback{nullptr};
template<class F, class G> void add_callback(G&& callback) {
    using stored = registered_callback<F>;
    auto const call = [](registered& self, std::exception_ptr const& error) {
        static_cast<void>(static_cast<stored&>(self).callable(std::exception_ptr(error)));
    };
    registered* const added = new stored{{call}, std::forward<G>(callback)};
    std::atomic<registered*>* end = &first_callback;
    // release: the contents, for tell_callbacks; acquire: to walk on along what others registered
    for (registered* other = nullptr; !end->compare_exchange_weak(other, added, acq_rel, acquire);)
        if (other) end = &std::exchange(other, nullptr)->next;
}
inline void tell_callbacks(std::exception_ptr const& error) noexcept {
    for (registered* each = first_callback.load(acquire); each; each = each->next.load(acquire)) // as in add_callback
        try { each->call(*each, error); } catch (...) {} // nobody is there to tell
}

// --- engine: job -----------------------------------------------------------------------------------------------------
/// What the queue and the workers know of a job.
struct job {
    virtual void run() noexcept = 0; // once; the job is gone then
    virtual ~job() = default;
    std::atomic<job*> next{nullptr}; // in the queue
};
/// Whether T is a control block that tells how many promises and futures share a state, as libstdc++'s does.
template<class T, class = void> constexpr bool counts_owners = false;
template<class T>
constexpr bool counts_owners<T, std::void_t<decltype(std::declval<T const&>()._M_get_use_count())>> = true;

template<class Awaited> void wait_attentively(Awaited& awaited);
/// A shared state whose get() and wait() look before they sleep, and inside a job give the slot away. libstdc++ begins
/// every wait with the virtual function _M_complete_async, by which the states of std::async join their thread: part of
/// the ABI. No `override`: where the base has none, this falls silent. It buys round trips of 2000 instead of 20 000
/// ns, and plain nested get() without deadlock.
template<class State> struct attentive : State {
    void _M_complete_async() { static_assert(sizeof(attentive) == sizeof(State)); wait_attentively<State>(*this); }
};
/// A job with its promise and with room for what the promise allocates: one block. Its owners are counted, without
/// atomics: the job until it is over, and each allocation of the promise. The job lets go while it holds the promise,
/// so before the shared state can go; whoever drops the state last then frees its parts one after the other. So no two
/// threads touch the count at the same time, it reaches zero once, and nothing looks at the block after that.
template<class R> struct promised : job {
    std::future<R> get_future() { return promise_.get_future(); }
    promised() : promise_(std::allocator_arg, allocator<char>(*this)) {}
    /// Whether a future is left. If not, set_value with its system call would be for nobody: 60 instead of 230 ns.
    bool observed() const noexcept { return !owners_in_ || owners_in_(room_) > 1; } // the promise is one
    /// Takes the promise out and gives up the job's share of the block, which lives on as long as the shared state.
    std::promise<R> let_go() noexcept { std::promise<R> promise = std::move(promise_); disown(); return promise; }
    void disown() noexcept { if (--owners_ == 0) delete this; } // by the destructor and operator delete of its call

    /// Serves the promise from the room in its block, and from operator new when that is used up.
    template<class T> struct allocator {
        using value_type = T;
        promised& block;
        explicit allocator(promised& served) noexcept : block(served) {}
        template<class U> allocator(allocator<U> const& other) noexcept : block(other.block) {}
        template<class U> bool operator==(allocator<U> const& other) const noexcept { return &block == &other.block; }
        template<class U> bool operator!=(allocator<U> const& other) const noexcept { return &block != &other.block; }
        T* allocate(std::size_t count) {
            std::size_t const begin = round_up(block.room_used_, alignof(T)), size = count * sizeof(T);
            ++block.owners_;
            if (alignof(T) > alignof(frame) || begin + size > room_bytes)
                return static_cast<T*>(::operator new(size, std::align_val_t{alignof(T)}));
            block.room_used_ = static_cast<std::uint32_t>(begin + size);
            if constexpr (counts_owners<T>)
                if (begin == 0)
                    block.owners_in_ = [](void const* room) { return static_cast<T const*>(room)->_M_get_use_count(); };
            return static_cast<T*>(static_cast<void*>(block.room_ + begin));
        }
        void deallocate(T* memory, std::size_t) noexcept {
            auto const* const begin = reinterpret_cast<unsigned char const*>(memory);
            // volatile: GCC warns of this delete where it should see that it is dead
            if (T* volatile elsewhere = memory; begin < block.room_ || begin >= block.room_ + room_bytes)
                ::operator delete(elsewhere, std::align_val_t{alignof(T)});
            block.disown();
        }
        template<class U, class... Args> void construct(U* at, Args&&... args) { // libstdc++ asks this, for its state
            using made = std::conditional_t<std::is_polymorphic_v<U> && !std::is_final_v<U>, attentive<U>, U>;
            ::new (static_cast<void*>(at)) made(std::forward<Args>(args)...);
        }
    };

    // as large and aligned as libstdc++'s result: a vtable, an exception, the value, whether it is there, the allocator
    using frame = std::tuple<void*, void*, std::conditional_t<std::is_object_v<R>, R, void*>, bool, void*>;
    static constexpr std::size_t room_bytes = round_up(shared_state_bytes, alignof(frame)) + sizeof(frame);
    std::uint32_t owners_ = 1, room_used_ = 0;
    long (*owners_in_)(void const*) = nullptr; // counts the state's owners, if the room begins with its control block
    std::promise<R> promise_;
    alignas(frame) unsigned char room_[room_bytes];
};
/// A job: the callable, its arguments, and the promise of what comes of them.
template<class R, class F, class... Args> struct call final : promised<R> {
    template<class G, class... As> explicit call(G&& callable, As&&... args)
        : bound_(std::forward<G>(callable), std::forward<As>(args)...) {}
    ~call() noexcept override {} // run() or discard() has destroyed bound_
    static void* operator new(std::size_t) { return allocate<call>(); }
    static void operator delete(void* block) noexcept { deallocate<call>(block); }
    void run() noexcept override {
        auto const invoke = [](F& f, Args&... args) -> R {
            if constexpr (std::is_member_pointer_v<F>) return std::apply(f, std::forward_as_tuple(std::move(args)...));
            else return std::move(f)(std::move(args)...);
        };
        std::exception_ptr error; bool over = false;
        try {
            if constexpr (std::is_void_v<R>) {
                std::apply(invoke, bound_);
                return end(nullptr, [](auto& promise) { promise.set_value(); });
            } else {
                R&& result = std::apply(invoke, bound_);
                over = true;
                return end(nullptr, [&](auto& promise) { promise.set_value(std::forward<R>(result)); });
            }
        } catch (...) {
            if (over) return; // what is left of the result threw
            error = std::current_exception();
        } // here the handler lets go of the exception, which then is the future's alone
        end(std::move(error), nothing); // no lambda: behind `if constexpr` compilers name different ones alike
    }
    void discard() noexcept { bound_.~tuple(); this->let_go(); } // instead, where there is no worker
    static void nothing(std::promise<R>&) {}
    /// The end of a job: everything that it holds goes, the callbacks are called, and the future becomes ready.
    template<class Deliver> void end(std::exception_ptr error, Deliver deliver) noexcept {
        try { bound_.~tuple(); } catch (...) { if (!error) error = std::current_exception(); }
        tell_callbacks(error);
        bool const observed = this->observed();
        std::promise<R> promise = this->let_go();
        if (!observed) return;
        try { if (!error) return deliver(promise); } catch (...) { error = std::current_exception(); }
        promise.set_exception(std::move(error));
    }
    union { std::tuple<F, Args...> bound_; }; // one tuple, as std::thread has: it takes std::any and std::allocator_arg
};

// --- engine: queue ---------------------------------------------------------------------------------------------------
/// One list, first in first out. A submitter reserves (counts its job in, unless the queue is closed), exchanges the
/// end and links: it takes no lock and waits for nobody. Workers pop under a lock of their own. Between exchange and
/// link the list has a gap: pop() returns null though empty() is false, and no worker must go to sleep over that.
class queue {
public:
    /// Counts a job in; false if the queue is closed or, but for jobs, about to be: threads that go on submitting would
    /// keep the process from ending. seq_cst, as all on submitted_: see the handshake at pool.
    bool reserve() noexcept {
        if (submitted_.load() >= closing && !this_thread().self) return false;
        if (submitted_.fetch_add(1) < closed) return true;
        submitted_.fetch_sub(1); return false;
    }
    void push(job& last) noexcept {
        // acq_rel: releases the null in last.next to the next submitter, acquires that of the one before
        std::atomic<job*>* const end = end_.exchange(&last.next, acq_rel);
        end->store(&last, release); // publishes the job's contents to pop
    }
    /// Takes no job that was submitted after `recall` was set: it is read when the job is seen already.
    job* pop(std::atomic<bool> const& recall) noexcept {
        if (!first_.load(relaxed)) return nullptr; // a hint that saves the lock
        for (int tries = 0; popping_.exchange(true, acquire); ++tries) tries < 64 ? relax() : std::this_thread::yield();
        job* const first = first_.load(acquire); // pairs with push
        job* const popped = recall.load(acquire) ? nullptr : unlink(first); // pairs with balance
        if (popped) popped_.store(popped_.load(relaxed) + 1, release); // for empty
        popping_.store(false, release); // pairs with the next pop
        return popped;
    }
    /// Whether all jobs that were counted in have been popped. The popped are read first: they never overtake.
    bool empty() const noexcept { auto const popped = popped_.load(acquire); return popped == submitted(); }
    std::uint64_t submitted() const noexcept { return submitted_.load() & ~(closed | closing); }
    bool is_closed() const noexcept { return submitted_.load() >= closed; }
    void begin_close() noexcept { submitted_.fetch_or(closing); }
    /// Closes the queue if just so many jobs have been counted in.
    bool close(std::uint64_t jobs) noexcept {
        jobs |= closing; return submitted_.compare_exchange_strong(jobs, jobs | closed);
    }
private:
    static constexpr std::uint64_t closed = std::uint64_t{1} << 63, closing = std::uint64_t{1} << 62;
    /// Takes the first job out of the list; null in front of a gap. Under the lock.
    job* unlink(job* first) noexcept {
        if (!first) return nullptr;
        job* const second = first->next.load(acquire); // pairs with push
        std::atomic<job*>* end = &first->next;
        first_.store(second, relaxed); // a null must be there before the next submitter links there:
        if (second || end_.compare_exchange_strong(end, &first_, release, relaxed)) return first;
        first_.store(first, relaxed); // a submitter is about to link to it: it must stay
        return nullptr;
    }
    alignas(64) std::atomic<std::uint64_t> submitted_{0}; // how many jobs, `closing`, `closed`; by submitters
    std::atomic<std::atomic<job*>*> end_{&first_}; // where to link the next job; by submitters, and pop of the last
    alignas(64) std::atomic<job*> first_{nullptr}; // written under the lock, and by push into an empty list
    std::atomic<std::uint64_t> popped_{0};         // written under the lock
    std::atomic<bool> popping_{false};             // the lock
};

// --- engine: pool ----------------------------------------------------------------------------------------------------
struct alignas(64) worker {
    std::atomic<std::uint64_t> finished{0}; // jobs; written by the worker, read by all
    bool enrolled = false;                  // in the pool's list, linked by next: guarded by its mutex, both
    worker* next = nullptr;
    std::thread thread{}; // set before the worker is enrolled
};
inline void run_worker(worker* self) noexcept;
inline class pool& the_pool();

/// The workers, the slots, and all decisions about them.
///
/// A worker holds a slot while it runs a job and keeps it from job to job. It gives the slot back to park, and while
/// its job waits in get(). With looking for work goes a token, of which there is one: a worker has it that was unparked
/// and has not found a job yet, or that ran out of jobs and looks around for a moment. Without it a worker parks.
///
/// 1. Every job runs exactly once, and jobs start in order.            queue
/// 2. While jobs are queued and a slot is free, somebody searches.     balance, and the handshake below
/// 3. No more than limit_ slots are granted.                           balance
/// 4. No user code runs under a lock.                                  grow
/// 5. No exception leaves a worker.                                    job::run is noexcept
/// 6. If there are workers, one of them does not wait in get().        block, sleep
///
/// No wake-up is lost (2). The bad story: a worker finds nothing; a submitter adds a job and sees a searcher, or no
/// free slot, and so wakes nobody; the worker gives up its token, or its slot, and sleeps. It cannot happen: the
/// submitter first counts its job in (reserve), then reads slot_free_ and searching_; who sets slot_free_ or clears
/// searching_ does that first and then reads the count (empty). All of it is seq_cst: one of the two sees the other.
class pool {
    using lock_type = std::unique_lock<std::mutex>;
public:
    void submit(job& next) noexcept {
        if (!queue_.reserve()) return run(next); // after the drain: here and now
        queue_.push(next);
        if (slot_free_.load() && !searching_.load()) lock_and_balance();
    }
    /// Makes sure that there is a worker; returns what kept it from starting, or null.
    std::exception_ptr staff() noexcept {
        if (staffed_.load(acquire)) return nullptr; // pairs with grow
        lock_type lock(mutex_);
        auto const failure = staffed_.load(relaxed) ? nullptr : grow(lock);
        return staffed_.load(relaxed) ? nullptr : failure;
    }
    int limit() const noexcept { auto const set = limit_.load(relaxed); return set > 0 ? set : 1; }
    void set_limit(int slots) noexcept {
        lock_type lock(mutex_);
        limit_.store(slots, relaxed); unparked_.notify_all(); // some may have to leave
        balance(lock);
    }
    std::uint64_t pending() noexcept { lock_type const lock(mutex_); return outstanding(); }
    void wait() {
        lock_type lock(mutex_);
        idle_.wait(lock, [this] { // held_: a worker about to look around or to park is not idle yet
            if (!queue_.is_closed()) return outstanding() == 0 && held_ <= (searching_.load() ? 1 : 0);
            return workers_ == 0 || this_thread().ended; // exit() in a job leaves some outstanding
        });
    }
    /// Gives the slot of the calling job away. Throws if that needs another worker (6) and none can be started.
    void block() {
        lock_type lock(mutex_);
        auto const failure = workers_ - blocked_ <= 1 ? grow(lock) : nullptr;
        if (failure && workers_ - blocked_ <= 1) std::rethrow_exception(failure);
        give_slot_back(lock, blocked_);
    }
    /// Takes a slot again, before queued jobs get one. After the drain it never returns, as static objects may be gone:
    /// only exit() in a job leaves others blocked.
    void unblock() noexcept {
        lock_type lock(mutex_);
        if (!queue_.is_closed()) { --blocked_; ++resuming_; balance(lock); }
        resumed_.wait(lock, [this] { return resumes_granted_ > 0; });
        --resumes_granted_;
    }
    void work(worker& self) noexcept;
    /// Runs what is queued until nothing is queued or running, then closes the queue and ends the workers. If this is
    /// exit() in a job, those that wait in get() are not waited for.
    void drain() noexcept;
    std::mutex& mutex() noexcept { return mutex_; }
    /// In a forked child, where only the forking thread is left: a new pool in this place. The jobs are the parent's.
    void start_over() noexcept {
        int const slots = limit(); bool const closed = queue_.is_closed(); mutex_.unlock();
        pool& fresh = *::new (static_cast<void*>(this)) pool; fresh.limit_ = slots;
        if (closed) { fresh.queue_.begin_close(); fresh.queue_.close(0); fresh.staffed_ = true; }
    }
private:
    /// Returns a job, or null when the worker has to park. Who searched gives the token back before it runs a job, and
    /// has the next worker unparked if there are more jobs.
    job* find(bool& searching) noexcept {
        for (int looks = 0; looks < 5; ++looks) {      // some three microseconds
            if (recall_.load(relaxed)) return nullptr;
            if (job* const next = queue_.pop(recall_)) {
                if (!std::exchange(searching, false)) return next;
                searching_.store(false);
                if (slot_free_.load() && !queue_.empty()) lock_and_balance();
                return next;
            }
            if (!searching && searching_.exchange(true)) return nullptr; // one is enough: more fight for cache lines
            searching = true;
            // Who snatches every job as it comes fights with the submitter: pausing buys 118 to 90 ns. Yielding lets a
            // submitter run that waits for this processor: 100 to 60 ns, and round trips of 2000 instead of 16 000.
            for (int pauses = 0; pauses < 16; ++pauses) relax();
            std::this_thread::yield();
        }
        if (queue_.empty()) return nullptr;
        lock_type lock(mutex_); // a gap: let its submitter run (amid a storm of signals sleep_for might never return)
        idle_.wait_for(lock, std::chrono::microseconds(50)); return nullptr;
    }
    static void run(job& next) noexcept {
        bool const outer = std::exchange(this_thread().running, true);
        next.run(); this_thread().running = outer;
    }
    void lock_and_balance() noexcept { lock_type lock(mutex_); balance(lock); }
    // Decisions. All that follows is called under mutex_.
    /// Gives free slots to those who want them: first to jobs that resume, then to one worker for what is queued, which
    /// has the next unparked. Called whenever a slot or the token has become free. May release the lock meanwhile.
    void balance(lock_type& lock) noexcept {
        for (; held_ < limit() && resuming_ > 0; ++held_, --resuming_, ++resumes_granted_) resumed_.notify_one();
        recall_.store(held_ > limit() || resuming_ > 0, release); // with n = 1 a job sees what the one before it did
        slot_free_.store(held_ < limit());
        if (held_ >= limit() || queue_.is_closed() || queue_.empty() || searching_.exchange(true)) return;
        if (parked_ > 0) {
            unpark_ = true; unparked_.notify_one();
            return slot_free_.store(++held_ < limit());
        }
        bool const taken = queue_.empty(); // since the look above, by a worker that came from another job
        if (!taken) grow(lock);            // if that fails, those who run jobs have to do
        searching_.store(false); if (parked_ > 0 || taken) balance(lock); // nobody else cared while the token was taken
    }
    /// Gives the slot of this thread's worker to others, as it goes to sleep and is counted in parked_ or blocked_.
    void give_slot_back(lock_type& lock, int& sleepers) noexcept {
        --held_; ++sleepers;
        balance(lock); idle_.notify_all();
    }
    /// Sleeps until there is a slot with work, or false: the worker has to leave, as there are enough or it is the end.
    bool sleep(lock_type& lock, bool& searching) noexcept {
        unparked_.wait(lock, [this] { return unpark_ || parked_ > limit() || queue_.is_closed(); });
        --parked_; return searching = std::exchange(unpark_, false);
    }
    /// Starts a worker, parked. Returns what went wrong, or null. Releases the lock meanwhile: starting a thread
    /// allocates, and operator new may be the user's.
    std::exception_ptr grow(lock_type& lock) noexcept {
        std::exception_ptr failure;
        std::unique_ptr<worker> fresh;
        ++growing_; lock.unlock();
        try {
            fresh = std::make_unique<worker>();
            // no lambda: that would put its type into a symbol of std's, shared by plugins with hidden symbols
            fresh->thread = std::thread(&run_worker, fresh.get());
        } catch (...) { failure = std::current_exception(); }
        lock.lock(); --growing_;
        idle_.notify_all(); // drain waits for this, and the worker for being enrolled
        if (failure) return failure;
        fresh->enrolled = true; fresh->next = all_;
        all_ = fresh.release(); ++workers_; ++parked_;
        staffed_.store(true, release); // pairs with staff
        return nullptr;
    }
    /// Joins the worker that has left last; `leaving`, or nobody, is that now. Releases the lock.
    void join_last(lock_type& lock, worker* leaving) noexcept {
        std::unique_ptr<worker> const gone(std::exchange(last_gone_, leaving));
        lock.unlock(); if (gone) gone->thread.join();
    }
    std::uint64_t finished() const noexcept {
        std::uint64_t sum = finished_by_gone_;
        for (worker const* each = all_; each; each = each->next) sum += each->finished.load(acquire); // pairs with work
        return sum;
    }
    /// Jobs queued or running. The finished are read first and never overtake: none outstanding is no mirage.
    std::uint64_t outstanding() const noexcept { auto const done = finished(); return queue_.submitted() - done; }

    queue queue_{};
    // read by submitters and workers, seldom written
    alignas(64) std::atomic<bool> slot_free_{true}; // held_ < limit_; written under mutex_
    std::atomic<bool> searching_{false};            // the search token is taken
    std::atomic<bool> recall_{false};               // workers have to come to park; written under mutex_
    std::atomic<bool> staffed_{false};              // there is a worker, or none is needed; written under mutex_
    std::atomic<int> limit_{static_cast<int>(std::thread::hardware_concurrency())}; // 0: unknown; written under mutex_
    // guarded by mutex_
    alignas(64) std::mutex mutex_{};
    std::condition_variable unparked_{}; // parked workers sleep here
    std::condition_variable resumed_{};  // jobs that want their slot again
    std::condition_variable idle_{};     // wait() and drain(), and workers that are not enrolled yet
    bool unpark_ = false;                // one parked worker is to wake up, with a slot and the token
    int parked_ = 0;                     // workers
    int resuming_ = 0;                   // jobs that want their slot again
    int resumes_granted_ = 0;            // that have it and do not know yet
    int held_ = 0;                       // slots
    int workers_ = 0;                    // in all_
    int blocked_ = 0;                    // of them: have given their slot away
    int growing_ = 0;                    // about to be in all_
    worker* all_ = nullptr;
    worker* last_gone_ = nullptr;        // has left, and nobody has joined it
    std::uint64_t finished_by_gone_ = 0; // jobs
};
/// A worker's life: born parked. At its end it joins the one that left before, as the next or the drain joins it.
inline void pool::work(worker& self) noexcept {
    bool searching = false; // this worker has the token
    lock_type lock(mutex_);
    for (idle_.wait(lock, [&] { return self.enrolled; }); sleep(lock, searching); give_slot_back(lock, parked_)) {
        lock.unlock();
        while (job* const next = find(searching)) {
            run(*next);
            // release: who counts the job as finished sees all that it did; pairs with finished()
            self.finished.store(self.finished.load(relaxed) + 1, release);
        }
        lock.lock();
        if (std::exchange(searching, false)) searching_.store(false);
    }
    auto at = &all_;
    while (*at != &self) at = &(*at)->next;
    *at = self.next; --workers_;
    finished_by_gone_ += self.finished.load(relaxed); // its own
    idle_.notify_all();
    join_last(lock, &self);
}

// --- engine: lifetime ------------------------------------------------------------------------------------------------
inline void pool::drain() noexcept {
    worker* const exiting = this_thread().running ? this_thread().self : nullptr;
    lock_type lock = in_dll() ? lock_type() : lock_type(mutex_); // a dead thread may hold it
    if (!lock || queue_.is_closed()) return;
    queue_.begin_close();
    if (exiting) give_slot_back(lock, blocked_);
    // Whoever waits in get() may be waiting for the exiting job, which never ends: nobody can tell.
    while (growing_ > 0 || !queue_.close(finished() + static_cast<std::uint64_t>(exiting ? blocked_ : 0)))
        if (!exiting || workers_ > blocked_) idle_.wait(lock);
        else if (!grow(lock)) balance(lock);
        else { // nobody else is left, and no thread to be had: what is queued runs here
            lock.unlock();
            while (job* const next = queue_.pop(recall_)) { run(*next); exiting->finished.fetch_add(1); }
            lock.lock();
            idle_.wait_for(lock, std::chrono::milliseconds(1)); // nobody might wake this thread
        }
    staffed_.store(true, relaxed); // who comes now runs inline
    unparked_.notify_all(); idle_.notify_all(); // all ask for something else now
    idle_.wait(lock, [this] { return workers_ == blocked_; });
    join_last(lock, nullptr);
}
/// Notices the end of a thread. On the main thread that is the end of the program, and it comes before the destructor
/// of any static object ([basic.start.term]). On a worker with a job on its stack it is exit() in that job. On a worker
/// it is made first, so destroyed after the thread-local objects of all jobs.
struct thread_guard {
    static void make() { static thread_local thread_guard guard; static_cast<void>(guard); }
    ~thread_guard() {
        thread_state& me = this_thread();
        if ((me.self && me.running) || on_main_thread()) the_pool().drain();
        me.ended = true; me.self = nullptr; me.running = false; // the job that called exit() will not go on
        close_chunk(me);
    }
};

/// The pool, made at first use and never destroyed, as it has to outlive every static object and every thread.
inline pool& the_pool() {
    alignas(pool) static unsigned char storage[sizeof(pool)];
    static pool* const made = [] {
        pool* const first = ::new (static_cast<void*>(storage)) pool;
        at_fork([] { the_pool().mutex().lock(); }, [] { the_pool().mutex().unlock(); },
                [] { // the forking thread is the child's main thread, in no job that anybody waits for
                    the_pool().start_over();
                    this_thread().self = nullptr; this_thread().running = this_thread().waiting = false;
                    thread_guard::make();
                });
        std::atexit([] { the_pool().drain(); }); // for an exit() on another thread
        first_at_exit = [] { thread_guard const ends_here{}; };
        return first;
    }();
    return *made;
}
/// Guards the main thread from before `main`: it is the one that runs static initialisers.
inline bool const guarded = (thread_guard::make(), the_pool(), on_main_thread());
inline void run_worker(worker* self) noexcept {
    thread_guard::make();
    this_thread().self = self; name_this_thread();
    the_pool().work(*self);
    this_thread().self = nullptr; this_thread().ended = true; // the drain waits for this thread: wait() must not
}
/// Looks for some ten microseconds, as most waits are shorter than sleeping costs; then, in a job, waits without slot.
template<class Awaited> void wait_attentively(Awaited& awaited) {
    thread_state const& me = this_thread();
    if (me.waiting) return; // called by the wait() below
    bool const in_job = me.self && me.running;
    int const most = in_job && the_pool().limit() == 1 ? 1 : 40; // with one slot nobody else can be at it
    for (int looks = 0; looks < most; ++looks) {
        if (awaited.wait_for(std::chrono::seconds(0)) != std::future_status::timeout) return; // or deferred
        for (int pauses = 0; pauses < 4; ++pauses) relax();
        if (looks > 16) std::this_thread::yield(); // the job may be waiting for this processor
    }
    if (!in_job) return;
    struct without_slot {
        without_slot() { the_pool().block(); this_thread().waiting = true; }
        ~without_slot() { this_thread().waiting = false; the_pool().unblock(); }
    } const meanwhile;
    awaited.wait();
}
inline limit_variable::operator int() const noexcept { return the_pool().limit(); }
template<class Integer> limit_variable& limit_variable::operator=(Integer slots) {
    static_assert(std::is_integral_v<Integer>, "background: n takes an integer");
    auto const value = static_cast<long long>(+slots); // std::to_string takes no 128 bits
    if (slots < Integer{1}) throw std::invalid_argument("background::n is at least 1, not " + std::to_string(value));
    using wide = std::common_type_t<Integer, std::uintmax_t>;
    the_pool().set_limit(static_cast<wide>(slots) < INT_MAX ? static_cast<int>(slots) : INT_MAX); return *this;
}
} // namespace background::detail

// --- what joins the interface and the engine -------------------------------------------------------------------------
namespace background {
template<class F, class... Args> detail::future_of<F, Args...> run(F&& callable, Args&&... args) {
    static_assert(std::is_constructible_v<std::decay_t<F>, F>,
                  "background: the callable is move-only and the call would copy it: move it, or std::move(task)(...)");
    static_assert((std::is_constructible_v<std::decay_t<Args>, Args> && ...),
                  "background: an argument cannot be copied: move it, or pass a reference with std::ref");
    using R = typename detail::result_of_job<std::decay_t<F>, std::decay_t<Args>...>::type;
    detail::thread_guard::make();
    using job = detail::call<R, std::decay_t<F>, std::decay_t<Args>...>;
    job& next = *new job(std::forward<F>(callable), std::forward<Args>(args)...);
    if (auto failure = detail::the_pool().staff()) { next.discard(); std::rethrow_exception(std::move(failure)); }
    auto future = next.get_future();
    detail::the_pool().submit(next);
    return future;
}
inline void wait() {
    if (detail::this_thread().running)
        throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur),
                                "background::wait() inside a task");
    detail::the_pool().wait();
}
template<class Future> decltype(auto) get(Future&& future) {
    static_assert(std::is_class_v<std::decay_t<Future>>, "background: get() takes a std::future or std::shared_future");
    if (!future.valid()) throw std::future_error(std::future_errc::no_state);
    detail::wait_attentively(future);
    return future.get();
}
inline std::uint64_t pending() noexcept { return detail::the_pool().pending(); }
template<class F> void callback(F&& callback) {
    using stored = std::decay_t<F>;
    static_assert(std::is_invocable_v<stored&, std::exception_ptr>, "background: a callback takes std::exception_ptr");
    detail::add_callback<stored>(std::forward<F>(callback));
}
} // namespace background
#if defined(_MSC_VER)
#pragma warning(pop)
#endif
