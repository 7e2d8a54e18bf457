// One block at a time: its threads, their barriers, warps and shared memory; and launching.
#pragma once
#include "fibers.h"

namespace cuda_on_cpu {
enum { WARP = 32, DYNAMIC_LIMIT = 227 * 1024 };

static dim3 grid_size, block_size;
static uint3 block_index, thread_indices[MOST_THREADS];
static int n_threads;

// ---- barriers: opened when every member that has not returned waits at the same line
struct Barrier {
    int members = 0, waiting = 0, generation = 0, line = 0;
    char rounds[2];  // by turns: some may be in the next round while others leave this one

    UNSEEN void reset(int n) { members = n, waiting = 0, line = 0; }

    UNSEEN void wait(int here) {
        if (waiting && line != here) fail("threads of a block wait at different barriers", here);
        if (failed()) stop();
        line = here;
        int mine = generation;
        arrives(&rounds[mine % 2]);
        if (++waiting >= members) open();
        while (generation == mine) pause();
        leaves(&rounds[mine % 2]);
    }
    UNSEEN void leave() {
        --members;
        if (waiting && waiting >= members) open();
    }
    UNSEEN void open() { waiting = 0, ++generation, ++moves; }
};

static Barrier block_barrier, warp_barriers[MOST_THREADS / WARP];
static uint64_t slots[MOST_THREADS];   // what the lanes of a warp show each other
static bool present[MOST_THREADS];     // which threads have not returned

UNSEEN static void start_threads() {
    block_barrier.reset(n_threads);
    for (int w = 0; w * WARP < n_threads; ++w)
        warp_barriers[w].reset(std::min<int>(WARP, n_threads - w * WARP));
    std::fill(present, present + n_threads, true);
}
UNSEEN static void leave_barriers() {  // a thread returned: nobody need wait for it
    present[current()] = false;
    warp_barriers[current() / WARP].leave();
    block_barrier.leave();
}

// ---- warps
UNSEEN static Barrier& my_warp() { return warp_barriers[current() / WARP]; }
UNSEEN static void warp_wait(unsigned mask, int line) {
    if (!(mask >> current() % WARP & 1)) fail("a thread is not in the mask it gives", line);
    int first = current() / WARP * WARP;
    for (int lane = 0; lane < WARP; ++lane)
        if ((mask >> lane & 1) && !(first + lane < n_threads && present[first + lane]))
            fail("the mask names a thread that is not there", line);
    my_warp().wait(line);
}
template <class T> UNSEEN static T shuffle(unsigned mask, T mine, int lane, int line) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "shuffles move at most 8 bytes");
    memcpy(&slots[current()], &mine, sizeof(T));
    warp_wait(mask, line);
    T theirs = mine;
    if (lane >= 0 && lane < WARP) memcpy(&theirs, &slots[current() / WARP * WARP + lane], sizeof(T));
    my_warp().wait(-line);  // nobody overwrites a slot before all have read
    return theirs;
}
UNSEEN static unsigned ballot(unsigned mask, bool vote, int line) {
    slots[current()] = vote;
    warp_wait(mask, line);
    unsigned votes = 0;
    int first = current() / WARP * WARP;
    for (int lane = 0; lane < WARP && first + lane < n_threads; ++lane)
        if ((mask >> lane & 1) && slots[first + lane]) votes |= 1u << lane;
    my_warp().wait(-line);
    return votes;
}

// ---- shared memory: every array on the heap by itself, so that AddressSanitizer sees its ends,
// and new for each block, full of NaN in one order and of huge numbers in the next: what is read
// before it is written shows
static int poison;
struct SharedArray {
    size_t bytes;
    char* data;
    explicit SharedArray(size_t bytes) : bytes(bytes), data(poisoned(bytes)) { all().push_back(this); }
    static char* poisoned(size_t bytes) {
        void* data = nullptr;
        if (posix_memalign(&data, 16, std::max<size_t>(bytes, 1))) abort();
        memset(data, poison, bytes);
        return (char*)data;
    }
    static std::vector<SharedArray*>& all() { static std::vector<SharedArray*> arrays; return arrays; }
    static void renew() { for (auto* a : all()) free(a->data), a->data = poisoned(a->bytes); }
};
// Site is the type of a lambda: one for each declaration. The arrays are made when loaded.
template <class T, class Site> static SharedArray shared_array{sizeof(T)};
template <class T, class Site> UNSEEN static T& shared(Site) {
    return *(T*)shared_array<T, Site>.data;
}
static char* dynamic_shared;
static void renew_shared(size_t dynamic_bytes) {
    SharedArray::renew();
    free(dynamic_shared);
    dynamic_shared = SharedArray::poisoned(dynamic_bytes);
}

// ---- launching
static char message[300];
static std::string refusal(dim3 grid, dim3 block, size_t dynamic_bytes) {
    size_t threads = (size_t)block.x * block.y * block.z;
    char text[200] = "";
    if (threads < 1 || threads > MOST_THREADS || block.z > 64)
        snprintf(text, 200, "a block of %u x %u x %u threads", block.x, block.y, block.z);
    if (!grid.x || !grid.y || !grid.z || grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
        snprintf(text, 200, "a grid of %u x %u x %u blocks", grid.x, grid.y, grid.z);
    if (dynamic_bytes > DYNAMIC_LIMIT) snprintf(text, 200, "%zu bytes of shared memory", dynamic_bytes);
    return text;
}
// Order 0 takes threads and blocks forwards, 1 backwards, any other shuffles both with that seed.
static std::vector<int> ordered(size_t n, int order) {
    std::vector<int> places(n);
    for (size_t i = 0; i < n; ++i) places[i] = order == 1 ? n - 1 - i : i;
    uint32_t random = order * 2654435761u + 1;
    for (size_t i = n; order > 1 && i-- > 1;) {
        random = random * 1664525u + 1013904223u;
        std::swap(places[i], places[(random >> 8) % (i + 1)]);
    }
    return places;
}
static const char* run_grid(
    const unsigned* sizes, size_t dynamic_bytes, int order, bool waits, void (*body)(void*),
    void* argument) {
    grid_size = dim3(sizes[0], sizes[1], sizes[2]);
    block_size = dim3(sizes[3], sizes[4], sizes[5]);
    std::string refused = refusal(grid_size, block_size, dynamic_bytes);
    if (!refused.empty()) return strcpy(message, ("cannot launch " + refused).c_str());
    n_threads = block_size.x * block_size.y * block_size.z;
    for (unsigned i = 0; i < (unsigned)n_threads; ++i)
        thread_indices[i] = {
            i % block_size.x, i / block_size.x % block_size.y, i / (block_size.x * block_size.y)};
    auto threads = ordered(n_threads, order);
    for (unsigned i : ordered((size_t)grid_size.x * grid_size.y * grid_size.z, order)) {
        block_index = {
            i % grid_size.x, i / grid_size.x % grid_size.y, i / (grid_size.x * grid_size.y)};
        renew_shared(dynamic_bytes);
        start_threads();
        run_block(body, argument, waits, threads);
        if (failed()) {
            snprintf(message, 300, "%s (line %d, block %u, %u, %u)", first_error, error_line,
                     block_index.x, block_index.y, block_index.z);
            first_error = nullptr;
            return message;
        }
    }
    return nullptr;
}
template <class... A, size_t... I>
static void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*(std::remove_reference_t<A>*)arguments[I]...);
}
template <class... A>
static const char* launch(
    void (*kernel)(A...), bool waits, void** arguments, const unsigned* sizes,
    size_t dynamic_bytes, int order) {
    poison = order % 2 ? 0x7F : 0xFF;
    auto body = [&] { call(kernel, arguments, std::index_sequence_for<A...>{}); };
    return run_grid(sizes, dynamic_bytes, order, waits, [](void* f) { (*(decltype(body)*)f)(); }, &body);
}

// ---- a kernel's parameters, in NumPy's words: "const float32*, float32*, int32"
template <class T> static std::string name_of() {
    std::string bits = std::to_string(8 * sizeof(T));
    if constexpr (std::is_pointer_v<T>) {
        using To = std::remove_pointer_t<T>;
        return (std::is_const_v<To> ? "const " : "") + name_of<std::remove_const_t<To>>() + "*";
    } else if constexpr (std::is_same_v<T, bool>) {
        return "bool";
    } else if constexpr (std::is_integral_v<T>) {
        return (std::is_signed_v<T> ? "int" : "uint") + bits;
    } else {
        return std::is_floating_point_v<T> ? "float" + bits : "a struct of " + bits + " bits";
    }
}
template <class... A> static const char* parameters(void (*)(A...)) {
    static std::string text;
    text.clear();
    ((text += (text.empty() ? "" : ", ") + name_of<A>()), ...);
    return text.c_str();
}
}  // namespace cuda_on_cpu
