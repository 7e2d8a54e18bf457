// A fiber a CUDA thread: each runs until it waits at a barrier; then the next one's turn comes.
//
// Exact and repeatable, in the order asked for. A round in which nobody moves is a deadlock.
#pragma once
#include "sanitizers.h"
#include <csetjmp>
#include <ucontext.h>

namespace cuda_on_cpu {
enum { MOST_THREADS = 1024, STACK_BYTES = 64 * 1024 };
struct Fiber {
    jmp_buf place;
    char* stack = nullptr;
    bool started, finished;
};
static Fiber fibers[MOST_THREADS];
static jmp_buf scheduler;
static int running, moves;
static void (*thread_body)(void*);
static void* thread_argument;
static const char* first_error;
static int error_line;

UNSEEN static int current() { return running; }  // which thread of the block asks
UNSEEN static bool failed() { return first_error; }
UNSEEN static void fail(const char* why, int line) {
    if (!first_error) first_error = why, error_line = line;
}
[[noreturn]] UNSEEN static void stop() {  // this fiber's turn ends, for ever after an error
    back_to_scheduler();
    _longjmp(scheduler, 1);
}
UNSEEN static void pause() {
    if (!_setjmp(fibers[running].place)) stop();
}

static void leave_barriers();
static char begin, end;  // of a block: what came before is before, what comes after is after
UNSEEN static void fiber_main() {
    leaves(&begin);
    thread_body(thread_argument);
    arrives(&end);
    fibers[running].finished = true;
    ++moves;
    leave_barriers();
    stop();
}
UNSEEN static void resume(int i) {
    running = i;
    Fiber& fiber = fibers[i];
    if (_setjmp(scheduler)) return;
    about_to_run(i);
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    ++moves;
    if (!fiber.stack) fiber.stack = (char*)malloc(STACK_BYTES);
    clean(fiber.stack, STACK_BYTES);
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fiber.stack;
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = nullptr;
    makecontext(&context, fiber_main, 0);
    setcontext(&context);
}
UNSEEN static void run_block(
    void (*body)(void*), void* argument, bool waits, const std::vector<int>& order) {
    if (!waits && !ALWAYS_FIBERS) {  // no barrier in the text: plain calls will do
        for (int i : order) running = i, body(argument);
        return;
    }
    thread_body = body, thread_argument = argument;
    for (int i : order) fibers[i].started = fibers[i].finished = false;
    arrives(&begin);
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
    leaves(&end);
}
}  // namespace cuda_on_cpu
