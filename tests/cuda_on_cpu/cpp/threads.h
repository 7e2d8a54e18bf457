// An OS thread a CUDA thread, for the sanitizers: they know threads, and see a race between two
// of them whichever came first. Slow: for small grids. A deadlock hangs; fibers.h finds those.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

namespace cuda_on_cpu {
struct Stopped {};
static thread_local int running;
static std::atomic<const char*> first_error;
static std::atomic<int> error_line;

static int current() { return running; }
static bool failed() { return first_error; }
static void fail(const char* why, int line) {
    const char* none = nullptr;
    if (first_error.compare_exchange_strong(none, why)) error_line = line;
}
static void stop() { throw Stopped(); }

// A mutex for every barrier: one for all would order threads that no barrier orders.
struct Turnstile {
    std::mutex mutex;
    std::condition_variable opened;
    struct Lock : std::unique_lock<std::mutex> {
        Lock(Turnstile& t) : std::unique_lock<std::mutex>(t.mutex) {}
    };
    void wake_all() { opened.notify_all(); }
    void pause(Lock& lock) { opened.wait(lock); }
};

static void leave_barriers();
static void thread_main(int i, void (*body)(void*), void* argument) {
    running = i;
    try {
        body(argument);
    } catch (Stopped&) {
    }
    leave_barriers();
}
static void run_block(void (*body)(void*), void* argument, const std::vector<int>& order) {
    std::vector<std::thread> threads;
    for (int i : order) threads.emplace_back(thread_main, i, body, argument);
    for (auto& thread : threads) thread.join();
}
}  // namespace cuda_on_cpu
