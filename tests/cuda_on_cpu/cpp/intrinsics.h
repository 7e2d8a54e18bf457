// The functions of CUDA C++: indices, barriers, shuffles, atomics, fast mathematics, bits.
//
// Atomics need no care on fibers, which only change places at barriers.
#pragma once
#include "execution.h"

#define threadIdx (cuda_on_cpu::thread_indices[cuda_on_cpu::current()])
#define blockIdx (cuda_on_cpu::block_index)
#define blockDim (cuda_on_cpu::block_size)
#define gridDim (cuda_on_cpu::grid_size)
#define warpSize 32

#define __syncthreads() cuda_on_cpu::block_barrier.wait(__LINE__)
#define __syncwarp(...) cuda_on_cpu::warp_wait(cuda_on_cpu::mask_of(__VA_ARGS__), __LINE__)
#define __shfl_sync(mask, x, lane) cuda_on_cpu::shuffle(mask, x, (int)(lane) & 31, __LINE__)
#define __shfl_xor_sync(mask, x, bits) \
    cuda_on_cpu::shuffle(mask, x, cuda_on_cpu::lane() ^ (int)(bits), __LINE__)
#define __shfl_down_sync(mask, x, by) \
    cuda_on_cpu::shuffle(mask, x, cuda_on_cpu::lane() + (int)(by), __LINE__)
#define __shfl_up_sync(mask, x, by) \
    cuda_on_cpu::shuffle(mask, x, cuda_on_cpu::lane() - (int)(by), __LINE__)
#define __ballot_sync(mask, vote) cuda_on_cpu::ballot(mask, vote, __LINE__)
#define __any_sync(mask, vote) (cuda_on_cpu::ballot(mask, vote, __LINE__) != 0)
#define __all_sync(mask, vote) (cuda_on_cpu::ballot(mask, !(vote), __LINE__) == 0)
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)

namespace cuda_on_cpu {
inline int lane() { return current() % WARP; }
inline unsigned mask_of(unsigned mask = 0xffffffffu) { return mask; }
}  // namespace cuda_on_cpu

#define ATOMIC_FUNCTION(name, becomes)                \
    template <class T> UNSEEN inline T name(T* place, T x) { \
        T old = *place;                               \
        *place = becomes;                             \
        return old;                                   \
    }
#define ATOMIC_ADD(T) UNSEEN inline T atomicAdd(T* place, T x) { T old = *place; *place = old + x; return old; }
ATOMIC_ADD(float) ATOMIC_ADD(double) ATOMIC_ADD(int) ATOMIC_ADD(unsigned) ATOMIC_ADD(unsigned long long)
ATOMIC_FUNCTION(atomicSub, old - x)
ATOMIC_FUNCTION(atomicMax, x > old ? x : old)
ATOMIC_FUNCTION(atomicMin, x < old ? x : old)
ATOMIC_FUNCTION(atomicExch, x)
ATOMIC_FUNCTION(atomicAnd, old & x)
ATOMIC_FUNCTION(atomicOr, old | x)
ATOMIC_FUNCTION(atomicXor, old ^ x)
template <class T> UNSEEN inline T atomicCAS(T* place, T expected, T x) {
    T old = *place;
    if (old == expected) *place = x;
    return old;
}

template <class T> inline T __ldg(const T* place) { return *place; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float rsqrt(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1 / x; }

template <class To, class From> inline To cuda_on_cpu_bits(const From& x) {
    To y;
    static_assert(sizeof(To) == sizeof(From), "");
    memcpy(&y, &x, sizeof y);
    return y;
}
inline int __float_as_int(float x) { return cuda_on_cpu_bits<int>(x); }
inline float __int_as_float(int x) { return cuda_on_cpu_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return cuda_on_cpu_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return cuda_on_cpu_bits<float>(x); }
inline long long __double_as_longlong(double x) { return cuda_on_cpu_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cuda_on_cpu_bits<double>(x); }
inline unsigned short __float2half_rn(float x) { return cuda_on_cpu_bits<unsigned short>((_Float16)x); }
inline float __half2float(unsigned short x) { return cuda_on_cpu_bits<_Float16>(x); }
template <class Half> inline unsigned short __half_as_ushort(const Half& x) {
    return cuda_on_cpu_bits<unsigned short>(x);
}
struct cuda_on_cpu_half {  // becomes whatever half type CuPy's headers define
    unsigned short x;
    template <class Raw, class = decltype(Raw::x)> operator Raw() const {
        Raw raw;
        raw.x = x;
        return raw;
    }
};
inline cuda_on_cpu_half __ushort_as_half(unsigned short x) { return {x}; }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned long long)x * y >> 32; }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned __int128)x * y >> 64;
}
