// The part of AMD's HIP runtime that CuPy's ROCm build calls, with the host's memory as the device.
//
// Fresh memory is full of NaN. A "module" is a shared object that g++ built from CUDA C++
// (real_cupy.py), launched by the functions that cuda_source.py put into it. Streams are nothing:
// everything has happened when a call returns. What is not here answers 801, "not supported".
#include "hip.h"
#include <cstdio>
#include <map>
#include <string>
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

static Error last_error = SUCCESS;
static char message[512] = "";
static std::map<uintptr_t, size_t> allocations;
static size_t bytes_used = 0;
static const size_t MEMORY = 8ull << 30;

static Error noted(Error error) { return error ? last_error = error : error; }
static Error launch_failure(const char* why) {
    snprintf(message, sizeof message, "%s", why);
    return noted(LAUNCH_FAILURE);
}

// ---- errors
HIP const char* hipGetErrorName(Error error) {
    switch (error) {
        case SUCCESS: return "hipSuccess";
        case INVALID_VALUE: return "hipErrorInvalidValue";
        case OUT_OF_MEMORY: return "hipErrorOutOfMemory";
        case LAUNCH_FAILURE: return "hipErrorLaunchFailure";
        case NOT_SUPPORTED: return "hipErrorNotSupported";
        default: return "hipErrorUnknown";
    }
}
HIP const char* hipGetErrorString(Error error) {
    if (error == LAUNCH_FAILURE && message[0]) return message;
    return error == NOT_SUPPORTED ? "not in the stand-in for HIP" : hipGetErrorName(error);
}
HIP Error hipGetLastError() { Error error = last_error; last_error = SUCCESS; return error; }
HIP Error hipPeekAtLastError() { return last_error; }

// ---- the one device
HIP Error hipDriverGetVersion(int* v) { *v = 70000000; return SUCCESS; }
HIP Error hipRuntimeGetVersion(int* v) { *v = 70000000; return SUCCESS; }
HIP Error hipGetDeviceCount(int* n) { *n = 1; return SUCCESS; }
HIP Error hipGetDevice(int* device) { *device = 0; return SUCCESS; }
HIP Error hipSetDevice(int device) { return device == 0 ? SUCCESS : noted(INVALID_DEVICE); }
HIP Error hipDeviceSynchronize() { return SUCCESS; }
HIP Error hipDeviceGetAttribute(int* value, int, int) { *value = 1024; return SUCCESS; }
HIP Error hipDeviceGetLimit(size_t* value, int) { *value = 0; return SUCCESS; }
HIP Error hipDeviceGetPCIBusId(char* id, int n, int) { snprintf(id, n, "0000:00:00.0"); return SUCCESS; }
HIP Error hipDeviceCanAccessPeer(int* can, int, int) { *can = 0; return SUCCESS; }
HIP Error hipGetDevicePropertiesR0600(char* properties, int) {  // hipDeviceProp_t of HIP 6 and 7
    memset(properties, 0, 1472);
    strcpy(properties, "CPU");
    auto word = [&](int offset) -> int& { return *(int*)(properties + offset); };
    *(size_t*)(properties + 288) = MEMORY;
    *(size_t*)(properties + 296) = 65536;  // shared memory a block
    word(304) = 65536;                     // registers a block
    word(308) = 32;                        // threads a warp
    word(320) = 1024;                      // threads a block, and then by axis
    word(324) = 1024, word(328) = 1024, word(332) = 64;
    word(336) = 2147483647, word(340) = 65535, word(344) = 65535;  // blocks a grid
    word(360) = 9;                         // major version of its architecture
    return SUCCESS;
}

// ---- memory
HIP Error hipMalloc(void** place, size_t bytes) {
    if (posix_memalign(place, 512, bytes ? bytes : 1)) return noted(OUT_OF_MEMORY);
    memset(*place, 0xFF, bytes);
    allocations[(uintptr_t)*place] = bytes;
    bytes_used += bytes;
    return SUCCESS;
}
HIP Error hipMallocManaged(void** place, size_t bytes, unsigned) { return hipMalloc(place, bytes); }
HIP Error hipFree(void* place) {
    if (!place) return SUCCESS;
    auto found = allocations.find((uintptr_t)place);
    if (found == allocations.end()) return noted(INVALID_VALUE);
    bytes_used -= found->second;
    allocations.erase(found);
    free(place);
    return SUCCESS;
}
HIP Error hipHostMalloc(void** place, size_t bytes, unsigned) {
    *place = malloc(bytes ? bytes : 1);
    return SUCCESS;
}
HIP Error hipHostFree(void* place) { free(place); return SUCCESS; }
HIP Error hipMemGetInfo(size_t* unused, size_t* total) {
    *total = MEMORY, *unused = MEMORY - bytes_used;
    return SUCCESS;
}
HIP Error hipMemcpy(void* to, const void* from, size_t n, int) { memmove(to, from, n); return SUCCESS; }
HIP Error hipMemcpyAsync(void* to, const void* from, size_t n, int, void*) {
    return hipMemcpy(to, from, n, 0);
}
HIP Error hipMemcpyPeer(void* to, int, const void* from, int, size_t n) {
    return hipMemcpy(to, from, n, 0);
}
HIP Error hipMemcpyPeerAsync(void* to, int, const void* from, int, size_t n, void*) {
    return hipMemcpy(to, from, n, 0);
}
HIP Error hipMemset(void* place, int byte, size_t n) { memset(place, byte, n); return SUCCESS; }
HIP Error hipMemsetAsync(void* place, int byte, size_t n, void*) { return hipMemset(place, byte, n); }
struct PointerAttributes { int type, device; void *on_device, *on_host; int managed; unsigned flags; };
HIP Error hipPointerGetAttributes(PointerAttributes* attributes, const void* place) {
    memset(attributes, 0, sizeof *attributes);
    auto next = allocations.upper_bound((uintptr_t)place);
    if (next == allocations.begin()) return SUCCESS;
    --next;
    if ((uintptr_t)place < next->first + next->second)
        attributes->type = 2, attributes->on_device = (void*)place;
    return SUCCESS;
}

// ---- streams and events
static void* handle() { return malloc(16); }
static double milliseconds() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}
HIP Error hipStreamCreate(void** stream) { *stream = handle(); return SUCCESS; }
HIP Error hipStreamCreateWithFlags(void** stream, unsigned) { return hipStreamCreate(stream); }
HIP Error hipStreamCreateWithPriority(void** stream, unsigned, int) { return hipStreamCreate(stream); }
HIP Error hipStreamDestroy(void* stream) { free(stream); return SUCCESS; }
HIP Error hipStreamSynchronize(void*) { return SUCCESS; }
HIP Error hipStreamQuery(void*) { return SUCCESS; }
HIP Error hipStreamWaitEvent(void*, void*, unsigned) { return SUCCESS; }
HIP Error hipStreamGetFlags(void*, unsigned* flags) { *flags = 0; return SUCCESS; }
HIP Error hipStreamGetPriority(void*, int* priority) { *priority = 0; return SUCCESS; }
HIP Error hipStreamIsCapturing(void*, int* capturing) { *capturing = 0; return SUCCESS; }
HIP Error hipStreamGetCaptureInfo(void*, int* capturing, unsigned long long* id) {
    *capturing = 0;
    if (id) *id = 0;
    return SUCCESS;
}
HIP Error hipStreamGetCaptureInfo_v2(void* s, int* c, unsigned long long* id, void*, void*, void*) {
    return hipStreamGetCaptureInfo(s, c, id);
}
HIP int hipGetStreamDeviceId(void*) { return 0; }
HIP Error hipEventCreate(void** event) { *event = handle(); return SUCCESS; }
HIP Error hipEventCreateWithFlags(void** event, unsigned) { return hipEventCreate(event); }
HIP Error hipEventDestroy(void* event) { free(event); return SUCCESS; }
HIP Error hipEventRecord(void* event, void*) { *(double*)event = milliseconds(); return SUCCESS; }
HIP Error hipEventQuery(void*) { return SUCCESS; }
HIP Error hipEventSynchronize(void*) { return SUCCESS; }
HIP Error hipEventElapsedTime(float* passed, void* from, void* to) {
    *passed = *(double*)to - *(double*)from;
    return SUCCESS;
}

// ---- modules: "CPUMOD", two zeros, eight bytes of size, a shared object (real_cupy.py writes it)
HIP Error hipModuleLoadData(void** module, const void* image) {
    auto bytes = (const char*)image;
    if (memcmp(bytes, "CPUMOD", 6)) return launch_failure("not a module for the CPU");
    size_t size;
    memcpy(&size, bytes + 8, 8);
    char path[] = P_tmpdir "/cpu-module-XXXXXX";
    int file = mkstemp(path);
    bool whole = file >= 0 && write(file, bytes + 16, size) == (ssize_t)size;
    *module = whole ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (file >= 0) close(file), unlink(path);
    return *module ? SUCCESS : launch_failure(whole ? dlerror() : "cannot write the module");
}
HIP Error hipModuleLoad(void**, const char*) { return noted(NOT_SUPPORTED); }
HIP Error hipModuleUnload(void*) { return SUCCESS; }
HIP Error hipModuleGetGlobal(void**, size_t*, void*, const char*) { return noted(NOT_SUPPORTED); }
HIP Error hipModuleGetFunction(void** function, void* module, const char* name) {
    *function = dlsym(module, (std::string("launch__") + name).c_str());
    return *function ? SUCCESS : launch_failure((std::string("no kernel ") + name).c_str());
}
HIP Error hipFuncGetAttribute(int* value, int, void*) { *value = 1024; return SUCCESS; }
HIP Error hipModuleLaunchKernel(
    void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
    unsigned shared_bytes, void*, void** arguments, void**) {
    using Launch = const char* (*)(void**, const unsigned*, size_t, int);
    unsigned sizes[] = {gx, gy, gz, bx, by, bz};
    const char* error = ((Launch)function)(arguments, sizes, shared_bytes, 0);
    return error ? launch_failure(error) : SUCCESS;
}
HIP Error hipOccupancyMaxPotentialBlockSize(int* grid, int* block, const void*, size_t, int) {
    *grid = 4, *block = 256;
    return SUCCESS;
}
HIP Error hipOccupancyMaxActiveBlocksPerMultiprocessor(int* n, const void*, int, size_t) {
    *n = 4;
    return SUCCESS;
}
// Kernels that AMD's compiler built into CuPy (CUB, Thrust, random numbers) cannot run here.
HIP void** __hipRegisterFatBinary(const void*) { static void* binary; return &binary; }
HIP void __hipUnregisterFatBinary(void**) {}
HIP void __hipRegisterFunction(
    void**, const void*, char*, const char*, unsigned, void*, void*, void*, void*, int*) {}
HIP Error __hipPushCallConfiguration(...) { return SUCCESS; }
HIP Error __hipPopCallConfiguration(...) { return SUCCESS; }
HIP Error hipLaunchKernel(const void*, ...) {
    return launch_failure("a kernel of CUB, Thrust or cuRAND: only a GPU can run it");
}
