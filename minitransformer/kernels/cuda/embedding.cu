// The gradient of an embedding table. A block owns one row of the table, and a thread one of its
// columns: it adds the gradients of the row's uses in their order, so no two threads write to one
// place, and the sum does not depend on timing.

#define THREADS 256

// dweight_r = sum of dy_i over all i with indices_i = r
// indices (count), dy (count, columns), dweight (rows, columns); grid (rows, columns / THREADS)
extern "C" __global__ void embedding_gradient(
    const long long* indices, const float* dy, float* dweight, int count, int columns
) {
    __shared__ unsigned votes[THREADS / 32];
    int column = blockIdx.y * THREADS + threadIdx.x;
    float sum = 0;
    for (int first = 0; first < count; first += THREADS) {
        // Each thread looks at one index; a warp's answers are the bits of one number.
        int i = first + threadIdx.x;
        unsigned answers = __ballot_sync(0xffffffff, i < count && indices[i] == blockIdx.x);
        if (threadIdx.x % 32 == 0) votes[threadIdx.x / 32] = answers;
        __syncthreads();
        for (int w = 0; w < THREADS / 32; w++) {
            int use = first + 32 * w;
            for (unsigned bits = votes[w]; bits != 0; bits >>= 1, use++) {
                if ((bits & 1) && column < columns) sum += dy[(long long)use * columns + column];
            }
        }
        __syncthreads();  // the votes have been read
    }
    if (column < columns) dweight[(long long)blockIdx.x * columns + column] = sum;
}
