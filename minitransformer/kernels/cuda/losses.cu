// Cross-entropy of logits (rows, columns) and class targets (rows): one block a row. Nothing but
// lse, the log of each row's sum of exponentials, is kept for the gradient.

#include "warps.cu"

// loss = lse - (1 - smoothing) x_target - smoothing · mean x, all of them less the row's maximum;
// 0 where the target is ignore_index
extern "C" __global__ void cross_entropy_rows(
    const float* logits, const long long* target, float* loss, float* lse,
    int columns, long long ignore_index, float smoothing
) {
    const float* row = logits + (long long)blockIdx.x * columns;
    float top = -INFINITY_F;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) top = fmaxf(top, row[j]);
    top = block_max(top);
    float total = 0, above = 0;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        total += expf(row[j] - top);
        above += row[j] - top;
    }
    float log_total = logf(block_sum(total));
    above = block_sum(above);
    if (threadIdx.x != 0) return;
    lse[blockIdx.x] = top + log_total;
    long long class_ = target[blockIdx.x];
    float cost = 0;
    if (class_ != ignore_index) {
        cost = log_total - (1 - smoothing) * (row[class_] - top);
        if (smoothing > 0) cost -= smoothing * above / columns;
    }
    loss[blockIdx.x] = cost;
}

// result = sum of loss / n; n counts the targets that are not ignored, or is 1 for a plain sum.
// One block for all rows.
extern "C" __global__ void cross_entropy_total(
    const float* loss, const long long* target, float* result, float* n,
    int rows, long long ignore_index, int mean
) {
    float total = 0, count = 0;
    for (int i = threadIdx.x; i < rows; i += blockDim.x) {
        total += loss[i];
        count += target[i] != ignore_index;
    }
    total = block_sum(total);
    count = mean ? block_sum(count) : 1;
    if (threadIdx.x == 0) {
        result[0] = total / count;
        n[0] = count;
    }
}

// dlogits = (softmax(row) - t) dy / n, where t is the smoothed one-hot row of the target.
// dy has one entry for all rows, or one a row.
extern "C" __global__ void cross_entropy_gradient(
    const float* logits, const long long* target, const float* lse, const float* dy, const float* n,
    float* dlogits, int columns, long long ignore_index, float smoothing, int one_a_row
) {
    const float* row = logits + (long long)blockIdx.x * columns;
    float* out = dlogits + (long long)blockIdx.x * columns;
    long long class_ = target[blockIdx.x];
    float scale = class_ == ignore_index ? 0 : dy[one_a_row ? blockIdx.x : 0] / n[0];
    for (int j = threadIdx.x; j < columns; j += blockDim.x) {
        float t = smoothing / columns + (j == class_ ? 1 - smoothing : 0);
        out[j] = (expf(row[j] - lse[blockIdx.x]) - t) * scale;
    }
}
