// Softmax and its logarithm over the rows of a matrix (rows, columns): one block a row.
// A NaN or +inf in a row makes the row NaN, through exp, although fmaxf passes over NaN.

#include "warps.cu"

__device__ float row_max(const float* row, int columns) {
    float top = -INFINITY_F;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) top = fmaxf(top, row[j]);
    return block_max(top);
}

// y_i = exp(x_i - max x) / sum_j exp(x_j - max x)
extern "C" __global__ void softmax_rows(const float* x, float* y, int columns) {
    const float* row = x + (long long)blockIdx.x * columns;
    float* out = y + (long long)blockIdx.x * columns;
    float top = row_max(row, columns);
    float total = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        out[j] = expf(row[j] - top);
        total += out[j];
    }
    float scale = 1 / block_sum(total);
    for (int j = threadIdx.x; j < columns; j += blockDim.x) out[j] *= scale;
}

// dx_i = y_i (dy_i - sum_j y_j dy_j)
extern "C" __global__ void softmax_gradient(
    const float* y, const float* dy, float* dx, int columns
) {
    const float* row = y + (long long)blockIdx.x * columns;
    const float* g = dy + (long long)blockIdx.x * columns;
    float* out = dx + (long long)blockIdx.x * columns;
    float mean = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) mean += row[j] * g[j];
    mean = block_sum(mean);
    for (int j = threadIdx.x; j < columns; j += blockDim.x) out[j] = row[j] * (g[j] - mean);
}

// y_i = (x_i - max x) - log sum_j exp(x_j - max x)
// Two subtractions: where logits are huge, max + log(sum) would lose the second.
extern "C" __global__ void log_softmax_rows(const float* x, float* y, int columns) {
    const float* row = x + (long long)blockIdx.x * columns;
    float* out = y + (long long)blockIdx.x * columns;
    float top = row_max(row, columns);
    float total = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) total += expf(row[j] - top);
    float shift = logf(block_sum(total));
    for (int j = threadIdx.x; j < columns; j += blockDim.x) out[j] = (row[j] - top) - shift;
}

// dx_i = dy_i - exp(y_i) sum_j dy_j
extern "C" __global__ void log_softmax_gradient(
    const float* y, const float* dy, float* dx, int columns
) {
    const float* row = y + (long long)blockIdx.x * columns;
    const float* g = dy + (long long)blockIdx.x * columns;
    float* out = dx + (long long)blockIdx.x * columns;
    float total = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) total += g[j];
    total = block_sum(total);
    for (int j = threadIdx.x; j < columns; j += blockDim.x) out[j] = g[j] - expf(row[j]) * total;
}
