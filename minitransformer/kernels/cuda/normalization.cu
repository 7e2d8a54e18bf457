// Layer norm and RMS norm over the rows of x (rows, columns): one block a row. The gradients of
// weight and bias sum over the rows: one thread a column, for each chunk of rows.

#include "warps.cu"

// y = x̂ · weight + bias, where x̂ = (x - mean) rstd, rstd = 1 / √(variance + eps)
extern "C" __global__ void layer_norm_rows(
    const float* x, const float* weight, const float* bias, float* y, float* mean, float* rstd,
    int columns, float eps
) {
    const float* row = x + (long long)blockIdx.x * columns;
    float* out = y + (long long)blockIdx.x * columns;
    float total = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) total += row[j];
    float centre = block_sum(total) / columns;
    float variance = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        variance += (row[j] - centre) * (row[j] - centre);
    }
    float scale = 1 / sqrtf(block_sum(variance) / columns + eps);
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        out[j] = (row[j] - centre) * scale * weight[j] + bias[j];
    }
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = centre;
        rstd[blockIdx.x] = scale;
    }
}

// With g = dy · weight: dx = rstd (g - mean(g) - x̂ mean(g x̂))
extern "C" __global__ void layer_norm_gradient(
    const float* x, const float* weight, const float* mean, const float* rstd, const float* dy,
    float* dx, int columns
) {
    const float* row = x + (long long)blockIdx.x * columns;
    const float* g = dy + (long long)blockIdx.x * columns;
    float* out = dx + (long long)blockIdx.x * columns;
    float centre = mean[blockIdx.x], scale = rstd[blockIdx.x];
    float total = 0, along = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        total += g[j] * weight[j];
        along += g[j] * weight[j] * (row[j] - centre) * scale;
    }
    total = block_sum(total) / columns;
    along = block_sum(along) / columns;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        float xhat = (row[j] - centre) * scale;
        out[j] = scale * (g[j] * weight[j] - total - xhat * along);
    }
}

// dweight = sum of dy x̂ and dbias = sum of dy, over a chunk of rows each
// dweight, dbias (chunks, columns); grid (chunks, columns / threads)
extern "C" __global__ void layer_norm_parameters(
    const float* x, const float* mean, const float* rstd, const float* dy,
    float* dweight, float* dbias, int rows, int columns, int chunk
) {
    int column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    int first = blockIdx.x * chunk, last = min(first + chunk, rows);
    float weight_sum = 0, bias_sum = 0;
    for (int i = first; i < last; i++) {
        long long place = (long long)i * columns + column;
        weight_sum += dy[place] * (x[place] - mean[i]) * rstd[i];
        bias_sum += dy[place];
    }
    dweight[(long long)blockIdx.x * columns + column] = weight_sum;
    dbias[(long long)blockIdx.x * columns + column] = bias_sum;
}

// y = x̂ · weight, where x̂ = x rstd, rstd = 1 / √(mean(x²) + eps)
extern "C" __global__ void rms_norm_rows(
    const float* x, const float* weight, float* y, float* rstd, int columns, float eps
) {
    const float* row = x + (long long)blockIdx.x * columns;
    float* out = y + (long long)blockIdx.x * columns;
    float square = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) square += row[j] * row[j];
    float scale = 1 / sqrtf(block_sum(square) / columns + eps);
    for (int j = threadIdx.x; j < columns; j += blockDim.x) out[j] = row[j] * scale * weight[j];
    if (threadIdx.x == 0) rstd[blockIdx.x] = scale;
}

// With g = dy · weight: dx = rstd (g - x̂ mean(g x̂))
extern "C" __global__ void rms_norm_gradient(
    const float* x, const float* weight, const float* rstd, const float* dy, float* dx, int columns
) {
    const float* row = x + (long long)blockIdx.x * columns;
    const float* g = dy + (long long)blockIdx.x * columns;
    float* out = dx + (long long)blockIdx.x * columns;
    float scale = rstd[blockIdx.x];
    float along = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        along += g[j] * weight[j] * row[j] * scale;
    }
    along = block_sum(along) / columns;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        out[j] = scale * (g[j] * weight[j] - row[j] * scale * along);
    }
}

// dweight = sum of dy x̂ over a chunk of rows; as in layer_norm_parameters
extern "C" __global__ void rms_norm_parameters(
    const float* x, const float* rstd, const float* dy, float* dweight,
    int rows, int columns, int chunk
) {
    int column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= columns) return;
    int first = blockIdx.x * chunk, last = min(first + chunk, rows);
    float sum = 0;
    for (int i = first; i < last; i++) {
        long long place = (long long)i * columns + column;
        sum += dy[place] * x[place] * rstd[i];
    }
    dweight[(long long)blockIdx.x * columns + column] = sum;
}
