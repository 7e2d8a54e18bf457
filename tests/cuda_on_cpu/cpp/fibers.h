// A fiber a CUDA thread: each runs until it waits at a barrier; then the next one's turn comes.
//
// Exact and repeatable, in the order asked for. A round in which nobody moves is a deadlock.
#pragma once
#include <csetjmp>
#include <ucontext.h>

namespace cuda_on_cpu {
struct Fiber {
    jmp_buf place;
    char* stack = nullptr;
    bool started, finished;
};
static const size_t STACK_BYTES = 64 * 1024;
static Fiber fibers[MOST_THREADS];
static jmp_buf scheduler;
static int running, moves;
static void (*thread_body)(void*);
static void* thread_argument;
static const char* first_error;
static int error_line, waiting_line;

static int current() { return running; }
static bool failed() { return first_error; }
static void fail(const char* why, int line) {
    if (!first_error) first_error = why, error_line = line;
}
static void stop() { _longjmp(scheduler, 1); }

struct Turnstile {
    struct Lock { Lock(Turnstile&) {} };
    void wake_all() { ++moves; }
    void pause(Lock&) {
        if (!_setjmp(fibers[running].place)) _longjmp(scheduler, 1);
    }
};

static void start_threads();
static void leave_barriers();
static void fiber_main() {
    thread_body(thread_argument);
    fibers[running].finished = true;
    ++moves;
    leave_barriers();
    stop();
}
static void resume(int i) {
    running = i;
    Fiber& fiber = fibers[i];
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    ++moves;
    ucontext_t context;
    getcontext(&context);
    if (!fiber.stack) fiber.stack = (char*)malloc(STACK_BYTES);
    context.uc_stack.ss_sp = fiber.stack;
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = nullptr;
    makecontext(&context, fiber_main, 0);
    setcontext(&context);
}
static void run_block(void (*body)(void*), void* argument, const std::vector<int>& order) {
    if (!waits) {
        for (int i : order) running = i, body(argument);
        return;
    }
    thread_body = body, thread_argument = argument;
    for (int i : order) fibers[i].started = fibers[i].finished = false;
    for (int left = 1; left;) {
        left = moves = 0;
        for (int i : order) {
            if (fibers[i].finished) continue;
            resume(i);
            if (failed()) return;
            left += !fibers[i].finished;
        }
        if (left && !moves) return fail("deadlock: some threads never reach a barrier", 0);
    }
}
}  // namespace cuda_on_cpu
