// Dropout: the mask is grown while the data passes, never stored. One thread an entry.

#include "random.cu"

// y_i = x_i · scale where entry i is kept, else x_i · 0
extern "C" __global__ void dropout(
    const float* x, float* y, long long size,
    unsigned long long threshold, float scale, unsigned long long seed
) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < size) y[i] = x[i] * (kept(i, threshold, seed) ? scale : 0);
}
