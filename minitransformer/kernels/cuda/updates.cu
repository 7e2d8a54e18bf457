// The optimisers' updates, in place: all of an element's state is read once. One thread an element.

// mean = β1 mean + (1 - β1) g;  square = β2 square + (1 - β2) g²
// p = shrink · p - rate · mean / (√(square · correction) + eps), where g has had coupled · p added
extern "C" __global__ void adam(
    float* p, const float* g, float* mean, float* square, long long size,
    float beta1, float rest1, float beta2, float rest2, float eps,
    float rate, float correction, float shrink, float coupled
) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    float grad = g[i] + coupled * p[i];
    mean[i] = beta1 * mean[i] + rest1 * grad;
    square[i] = beta2 * square[i] + rest2 * grad * grad;
    p[i] = shrink * p[i] - rate * mean[i] / (sqrtf(square[i] * correction) + eps);
}
