// GELU, y = x Φ(x), in both forms. One thread an entry.

// 2 √(2/π) and the factor of x³ in the tanh form, Φ ≈ σ(u) with u = SLOPE (x + CUBIC x³)
#define SLOPE 1.5957691216057308f
#define CUBIC 0.044715f

// The normal distribution function, from the tail's own function: exact where it is small.
__device__ float normal(float x) { return 0.5f * erfcf(-0.70710678118654752f * x); }

__device__ float gate(float x) { return 1 / (1 + expf(-SLOPE * (x + CUBIC * x * x * x))); }

extern "C" __global__ void gelu(const float* x, float* y, long long size) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < size) y[i] = x[i] * normal(x[i]);
}

// dx = dy (Φ + x φ), φ the normal density
extern "C" __global__ void gelu_gradient(
    const float* x, const float* dy, float* dx, long long size
) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    float density = 0.39894228040143268f * expf(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (normal(x[i]) + x[i] * density);
}

extern "C" __global__ void gelu_tanh(const float* x, float* y, long long size) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < size) y[i] = x[i] * gate(x[i]);
}

// dx = dy (σ + x σ (1 - σ) du/dx)
extern "C" __global__ void gelu_tanh_gradient(
    const float* x, const float* dy, float* dx, long long size
) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    float sigma = gate(x[i]);
    float steepness = SLOPE * (1 + 3 * CUBIC * x[i] * x[i]);
    dx[i] = dy[i] * (sigma + x[i] * sigma * (1 - sigma) * steepness);
}
