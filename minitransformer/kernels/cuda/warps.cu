// Sums and maxima over the threads of a block. The order of the additions is fixed, so the same
// input gives the same bits. The block's size must be a multiple of 32.

#define INFINITY_F __int_as_float(0x7f800000)

// The sum of x over the 32 threads of a warp, in all of them: pairs, pairs of pairs, ...
__device__ float warp_sum(float x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffff, x, step);
    return x;
}

__device__ float warp_max(float x) {
    for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, step));
    return x;
}

// The sum of x over all threads of the block, in all of them. One number a warp goes through
// shared memory. All threads must call it.
__device__ float block_sum(float x) {
    __shared__ float of_warp[32];
    x = warp_sum(x);
    __syncthreads();  // an earlier call's numbers may still be being read
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    float total = 0;
    for (int w = 0; w < blockDim.x / 32; w++) total += of_warp[w];
    return total;
}

__device__ float block_max(float x) {
    __shared__ float of_warp[32];
    x = warp_max(x);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = x;
    __syncthreads();
    float top = -INFINITY_F;
    for (int w = 0; w < blockDim.x / 32; w++) top = fmaxf(top, of_warp[w]);
    return top;
}
