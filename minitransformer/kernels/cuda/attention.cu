// Attention without the matrix of weights, softmax(scale · q kᵀ + mask) v, by tiles of 32 queries
// and 32 keys in shared memory. Dao et al. 2022, https://arxiv.org/abs/2205.14135
//
// q (heads, queries, dim), k (heads, keys, dim), v (heads, keys, value_dim), y as q but value_dim;
// "heads" are those of the whole batch. A block has 8 warps, each with 4 rows of the tile; each
// of a warp's 32 lanes has one column of the scores, or two columns of the result.

#include "random.cu"
#include "warps.cu"

#define TILE 32
#define ROWS 4      // rows a warp
#define WIDEST 64   // the largest dim and value_dim
#define THREADS (TILE / ROWS * 32)

// One more column than needed, so that the 32 entries of a column lie in 32 memory banks.
typedef float Rows[TILE][WIDEST + 1];
typedef float Square[TILE][TILE + 1];

// What the kernels know of the scores of one head.
struct Scores {
    int queries, keys;
    float scale;
    bool causal, masked, dropping;
    const float* mask;               // of this head; its rows and columns may be 0 apart
    long long mask_row, mask_key;
    long long first;                 // flat index of the head's first weight
    unsigned long long threshold, seed;
    float keep;

    // scale · q·k + mask, and -inf where query i may not look at key j
    __device__ float at(float dot, int i, int j) const {
        if (i >= queries || j >= keys || (causal && j > i)) return -INFINITY_F;
        return scale * dot + (masked ? mask[i * mask_row + j * mask_key] : 0);
    }

    // what dropout multiplies the weight of query i and key j by
    __device__ float factor(int i, int j) const {
        if (!dropping) return 1;
        return kept(first + (long long)i * keys + j, threshold, seed) ? keep : 0;
    }
};

// The scores of head number n, from the arguments that all three kernels have.
#define SCORES(n) Scores{ \
    queries, keys, scale, causal != 0, masked != 0, dropping != 0, \
    mask + (n) / heads * mask_batch + (n) % heads * mask_head, mask_row, mask_key, \
    (long long)(n) * queries * keys, threshold, seed, keep}

// TILE rows of the matrix x (rows, columns), from row `first`; zeros outside it
__device__ void load(Rows tile, const float* x, int first, int rows, int columns) {
    for (int i = threadIdx.x; i < TILE * WIDEST; i += THREADS) {
        int row = i / WIDEST, column = i % WIDEST;
        bool inside = first + row < rows && column < columns;
        tile[row][column] = inside ? x[(long long)(first + row) * columns + column] : 0;
    }
}

// dot[r] = Σ_d rows[r][d] · column[d]: this lane's column against the warp's rows
__device__ void products(float* dot, const Rows rows, const float* column, int columns) {
    for (int r = 0; r < ROWS; r++) dot[r] = 0;
    for (int d = 0; d < columns; d++) {
        for (int r = 0; r < ROWS; r++) {
            dot[r] += rows[threadIdx.x / 32 * ROWS + r][d] * column[d];
        }
    }
}

// sum[r] += Σ_j weights[r][j] · x[j], this lane's columns of it
__device__ void accumulate(float (*sum)[2], const Square weights, const Rows x) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (int j = 0; j < TILE; j++) {
        for (int r = 0; r < ROWS; r++) {
            float weight = weights[warp * ROWS + r][j];
            sum[r][0] += weight * x[j][lane];
            sum[r][1] += weight * x[j][lane + 32];
        }
    }
}

// this lane's columns of one row of a result
__device__ void store(float* row, const float* sum, float scale, int columns) {
    int lane = threadIdx.x % 32;
    if (lane < columns) row[lane] = scale * sum[0];
    if (lane + 32 < columns) row[lane + 32] = scale * sum[1];
}

// y = softmax(scores) v, and lse, the log of each row's sum of exponentials: +inf, and zeros in y,
// where a query may look nowhere. The maximum so far is subtracted; when a tile raises it, what
// was summed before shrinks.
extern "C" __global__ void attention_rows(
    const float* q, const float* k, const float* v, float* y, float* lse,
    int queries, int keys, int dim, int value_dim, float scale, int causal,
    const float* mask, int masked, int heads, long long mask_batch, long long mask_head,
    long long mask_row, long long mask_key,
    int dropping, unsigned long long threshold, float keep, unsigned long long seed
) {
    __shared__ Rows q_tile, k_tile, v_tile;
    __shared__ Square weights;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, tiles = (queries + TILE - 1) / TILE;
    int head = blockIdx.x / tiles, first = blockIdx.x % tiles * TILE;
    Scores scores = SCORES(head);
    const float* head_k = k + (long long)head * keys * dim;
    const float* head_v = v + (long long)head * keys * value_dim;
    load(q_tile, q + (long long)head * queries * dim, first, queries, dim);

    float top[ROWS], total[ROWS], sum[ROWS][2], dot[ROWS];
    for (int r = 0; r < ROWS; r++) {
        top[r] = -INFINITY_F;
        total[r] = sum[r][0] = sum[r][1] = 0;
    }
    int seen = causal ? min(first + TILE, keys) : keys;
    for (int start = 0; start < seen; start += TILE) {
        __syncthreads();  // all warps are done with the last tiles
        load(k_tile, head_k, start, keys, dim);
        load(v_tile, head_v, start, keys, value_dim);
        __syncthreads();
        products(dot, q_tile, k_tile[lane], dim);
        for (int r = 0; r < ROWS; r++) {
            int i = first + warp * ROWS + r, j = start + lane;
            float score = scores.at(dot[r], i, j);
            float before = top[r];
            top[r] = fmaxf(before, warp_max(score));
            float level = top[r] == -INFINITY_F ? 0 : top[r];  // -inf less -inf would be NaN
            float weight = expf(score - level), shrink = expf(before - level);
            total[r] = shrink * total[r] + warp_sum(weight);
            sum[r][0] *= shrink;
            sum[r][1] *= shrink;
            weights[warp * ROWS + r][lane] = weight * scores.factor(i, j);
        }
        __syncwarp();
        accumulate(sum, weights, v_tile);
    }
    for (int r = 0; r < ROWS; r++) {
        long long row = (long long)head * queries + first + warp * ROWS + r;
        if (first + warp * ROWS + r >= queries) break;
        bool nothing = total[r] == 0;
        store(y + row * value_dim, sum[r], nothing ? 0 : 1 / total[r], value_dim);
        if (lane == 0) lse[row] = nothing ? INFINITY_F : top[r] + logf(total[r]);
    }
}

// dq, by tiles of queries. With weights p = exp(score - lse), dropout's factor f, and
// dp = f (dy · v): dscore = p (dp - delta), where delta = Σ_j p dp = dy · y; dq = scale · dscore k.
// delta is kept for the other kernel.
extern "C" __global__ void attention_gradient_queries(
    const float* q, const float* k, const float* v, const float* y, const float* dy,
    const float* lse, float* delta, float* dq,
    int queries, int keys, int dim, int value_dim, float scale, int causal,
    const float* mask, int masked, int heads, long long mask_batch, long long mask_head,
    long long mask_row, long long mask_key,
    int dropping, unsigned long long threshold, float keep, unsigned long long seed
) {
    __shared__ Rows q_tile, dy_tile, k_tile, v_tile;
    __shared__ Square dscores;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, tiles = (queries + TILE - 1) / TILE;
    int head = blockIdx.x / tiles, first = blockIdx.x % tiles * TILE;
    Scores scores = SCORES(head);
    const float* head_k = k + (long long)head * keys * dim;
    const float* head_v = v + (long long)head * keys * value_dim;
    load(q_tile, q + (long long)head * queries * dim, first, queries, dim);
    load(dy_tile, dy + (long long)head * queries * value_dim, first, queries, value_dim);
    __syncthreads();

    float row_lse[ROWS], row_delta[ROWS], sum[ROWS][2], dot[ROWS], dweight[ROWS];
    for (int r = 0; r < ROWS; r++) {
        int i = warp * ROWS + r;
        long long row = (long long)head * queries + first + i;
        bool inside = first + i < queries;
        float part = 0;
        for (int d = lane; inside && d < value_dim; d += 32) {
            part += dy_tile[i][d] * y[row * value_dim + d];
        }
        row_lse[r] = inside ? lse[row] : INFINITY_F;
        row_delta[r] = warp_sum(part);
        if (inside && lane == 0) delta[row] = row_delta[r];
        sum[r][0] = sum[r][1] = 0;
    }
    int seen = causal ? min(first + TILE, keys) : keys;
    for (int start = 0; start < seen; start += TILE) {
        __syncthreads();  // all warps are done with the last tiles
        load(k_tile, head_k, start, keys, dim);
        load(v_tile, head_v, start, keys, value_dim);
        __syncthreads();
        products(dot, q_tile, k_tile[lane], dim);
        products(dweight, dy_tile, v_tile[lane], value_dim);
        for (int r = 0; r < ROWS; r++) {
            int i = first + warp * ROWS + r, j = start + lane;
            float weight = expf(scores.at(dot[r], i, j) - row_lse[r]);
            float g = scores.factor(i, j) * dweight[r];
            dscores[warp * ROWS + r][lane] = weight * (g - row_delta[r]);
        }
        __syncwarp();
        accumulate(sum, dscores, k_tile);
    }
    for (int r = 0; r < ROWS; r++) {
        int i = first + warp * ROWS + r;
        if (i < queries) store(dq + ((long long)head * queries + i) * dim, sum[r], scale, dim);
    }
}

// dk and dv, by tiles of keys, whose rows are keys and whose lanes are queries:
// dv_j = Σ_i f p dy_i,  dk_j = scale · Σ_i dscore q_i
extern "C" __global__ void attention_gradient_keys(
    const float* q, const float* k, const float* v, const float* dy,
    const float* lse, const float* delta, float* dk, float* dv,
    int queries, int keys, int dim, int value_dim, float scale, int causal,
    const float* mask, int masked, int heads, long long mask_batch, long long mask_head,
    long long mask_row, long long mask_key,
    int dropping, unsigned long long threshold, float keep, unsigned long long seed
) {
    __shared__ Rows q_tile, dy_tile, k_tile, v_tile;
    __shared__ Square weights, dscores;
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, tiles = (keys + TILE - 1) / TILE;
    int head = blockIdx.x / tiles, first = blockIdx.x % tiles * TILE;
    Scores scores = SCORES(head);
    const float* head_q = q + (long long)head * queries * dim;
    const float* head_dy = dy + (long long)head * queries * value_dim;
    load(k_tile, k + (long long)head * keys * dim, first, keys, dim);
    load(v_tile, v + (long long)head * keys * value_dim, first, keys, value_dim);

    float sum_k[ROWS][2], sum_v[ROWS][2], dot[ROWS], dweight[ROWS];
    for (int r = 0; r < ROWS; r++) sum_k[r][0] = sum_k[r][1] = sum_v[r][0] = sum_v[r][1] = 0;
    // Under a causal mask no query before these keys looks at them.
    for (int start = causal ? first : 0; start < queries; start += TILE) {
        __syncthreads();  // all warps are done with the last tiles
        load(q_tile, head_q, start, queries, dim);
        load(dy_tile, head_dy, start, queries, value_dim);
        __syncthreads();
        int i = start + lane;
        bool inside = i < queries;
        float row_lse = inside ? lse[(long long)head * queries + i] : INFINITY_F;
        float row_delta = inside ? delta[(long long)head * queries + i] : 0;
        products(dot, k_tile, q_tile[lane], dim);
        products(dweight, v_tile, dy_tile[lane], value_dim);
        for (int r = 0; r < ROWS; r++) {
            int j = first + warp * ROWS + r;
            float weight = expf(scores.at(dot[r], i, j) - row_lse);
            float factor = scores.factor(i, j);
            weights[warp * ROWS + r][lane] = weight * factor;
            dscores[warp * ROWS + r][lane] = weight * (factor * dweight[r] - row_delta);
        }
        __syncwarp();
        accumulate(sum_v, weights, dy_tile);
        accumulate(sum_k, dscores, q_tile);
    }
    for (int r = 0; r < ROWS; r++) {
        int j = first + warp * ROWS + r;
        if (j >= keys) break;
        store(dk + ((long long)head * keys + j) * dim, sum_k[r], scale, dim);
        store(dv + ((long long)head * keys + j) * value_dim, sum_v[r], 1, value_dim);
    }
}
