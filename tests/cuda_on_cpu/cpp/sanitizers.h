// What the sanitizers of g++ must be told of fibers; without them, nothing.
//
// To ThreadSanitizer they are threads of their own, which only barriers order: it finds two
// accesses that nothing orders, whichever came first. AddressSanitizer must forget what it knew of
// a stack that is used again. UNSEEN is the stand-in's own machinery, not to be looked at.
#pragma once
#include "language.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define UNSEEN __attribute__((no_sanitize("thread"), noinline))
namespace cuda_on_cpu {
enum { ALWAYS_FIBERS = true };  // in kernels without barriers too
static void* contexts[1024];
static void* scheduler_context;
static void about_to_run(int thread) {
    if (!scheduler_context) scheduler_context = __tsan_get_current_fiber();
    if (!contexts[thread]) contexts[thread] = __tsan_create_fiber(0);
    __tsan_switch_to_fiber(contexts[thread], __tsan_switch_to_fiber_no_sync);
}
static void back_to_scheduler() {
    __tsan_switch_to_fiber(scheduler_context, __tsan_switch_to_fiber_no_sync);
}
static void arrives(void* place) { __tsan_release(place); }
static void leaves(void* place) { __tsan_acquire(place); }
}  // namespace cuda_on_cpu
#else
#define UNSEEN
namespace cuda_on_cpu {
enum { ALWAYS_FIBERS = false };
static void about_to_run(int) {}
static void back_to_scheduler() {}
static void arrives(void*) {}
static void leaves(void*) {}
}  // namespace cuda_on_cpu
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
namespace cuda_on_cpu {
#ifdef __SANITIZE_ADDRESS__
static void clean(char* stack, size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(stack, bytes); }
#else
static void clean(char*, size_t) {}
#endif
}  // namespace cuda_on_cpu
