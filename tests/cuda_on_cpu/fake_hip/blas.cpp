// The part of hipBLAS that CuPy's matrix products call: plain loops, sums in the matrices' own
// type (in float for float16). Matrices are column major; a leading dimension steps to the next.
#include "hip.h"
#include <complex>

using Half = _Float16;
using ComplexFloat = std::complex<float>;
using ComplexDouble = std::complex<double>;
enum { AS_IT_IS = 111, TRANSPOSED = 112, CONJUGATED = 113, BAD_TYPE = 7 };
enum { REAL_HALF = 150, REAL_FLOAT = 151, REAL_DOUBLE = 152 };  // HIP's codes; CUDA's are 2, 0, 1

template <class T> static T conjugate(T x) { return x; }
template <class T> static std::complex<T> conjugate(std::complex<T> x) { return std::conj(x); }

template <class T> static T entry(const T* matrix, int stride, int how, int row, int column) {
    if (how == AS_IT_IS) return matrix[row + (size_t)column * stride];
    T x = matrix[column + (size_t)row * stride];
    return how == CONJUGATED ? conjugate(x) : x;
}

// c = alpha a b + beta c, for c of m x n and k products an entry
template <class T, class Sum>
static void product(
    int how_a, int how_b, int m, int n, int k, Sum alpha, const T* a, int stride_a, const T* b,
    int stride_b, Sum beta, T* c, int stride_c) {
    for (int j = 0; j < n; ++j)
        for (int i = 0; i < m; ++i) {
            Sum sum = 0;
            for (int l = 0; l < k; ++l)
                sum += (Sum)entry(a, stride_a, how_a, i, l) * (Sum)entry(b, stride_b, how_b, l, j);
            T& out = c[i + (size_t)j * stride_c];
            out = (T)(alpha * sum + (beta == Sum(0) ? Sum(0) : beta * (Sum)out));
        }
}

HIP int hipblasCreate(void** handle) { *handle = malloc(16); return SUCCESS; }
HIP int hipblasDestroy(void* handle) { free(handle); return SUCCESS; }
HIP int hipblasSetStream(void*, void*) { return SUCCESS; }
HIP int hipblasGetStream(void*, void** stream) { *stream = nullptr; return SUCCESS; }
static int pointer_mode;
HIP int hipblasSetPointerMode(void*, int mode) { pointer_mode = mode; return SUCCESS; }
HIP int hipblasGetPointerMode(void*, int* mode) { *mode = pointer_mode; return SUCCESS; }

#define BLAS_OF(X, T, DOT)                                                                        \
    HIP int hipblas##X##gemm(                                                                     \
        void*, int how_a, int how_b, int m, int n, int k, const T* alpha, const T* a, int lda,    \
        const T* b, int ldb, const T* beta, T* c, int ldc) {                                      \
        product<T, T>(how_a, how_b, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc);              \
        return SUCCESS;                                                                           \
    }                                                                                             \
    HIP int hipblas##X##gemmStridedBatched(                                                       \
        void*, int how_a, int how_b, int m, int n, int k, const T* alpha, const T* a, int lda,    \
        long long step_a, const T* b, int ldb, long long step_b, const T* beta, T* c, int ldc,    \
        long long step_c, int count) {                                                            \
        for (int i = 0; i < count; ++i)                                                           \
            product<T, T>(how_a, how_b, m, n, k, *alpha, a + i * step_a, lda, b + i * step_b,     \
                          ldb, *beta, c + i * step_c, ldc);                                       \
        return SUCCESS;                                                                           \
    }                                                                                             \
    HIP int hipblas##X##gemmBatched(                                                              \
        void*, int how_a, int how_b, int m, int n, int k, const T* alpha, const T* const* a,      \
        int lda, const T* const* b, int ldb, const T* beta, T* const* c, int ldc, int count) {    \
        for (int i = 0; i < count; ++i)                                                           \
            product<T, T>(how_a, how_b, m, n, k, *alpha, a[i], lda, b[i], ldb, *beta, c[i], ldc); \
        return SUCCESS;                                                                           \
    }                                                                                             \
    HIP int hipblas##X##gemv(                                                                     \
        void*, int how, int m, int n, const T* alpha, const T* a, int lda, const T* x, int dx,    \
        const T* beta, T* y, int dy) {                                                            \
        int rows = how == AS_IT_IS ? m : n, columns = how == AS_IT_IS ? n : m;                    \
        for (int i = 0; i < rows; ++i) {                                                          \
            T sum = 0, &out = y[(size_t)i * dy];                                                  \
            for (int j = 0; j < columns; ++j) sum += entry(a, lda, how, i, j) * x[(size_t)j * dx]; \
            out = *alpha * sum + (*beta == T(0) ? T(0) : *beta * out);                            \
        }                                                                                         \
        return SUCCESS;                                                                           \
    }                                                                                             \
    HIP int hipblas##X##DOT(                                                                      \
        void*, int n, const T* x, int dx, const T* y, int dy, T* out) {                           \
        *out = 0;                                                                                 \
        for (int i = 0; i < n; ++i) *out += x[(size_t)i * dx] * y[(size_t)i * dy];                \
        return SUCCESS;                                                                           \
    }
BLAS_OF(S, float, dot)
BLAS_OF(D, double, dot)
BLAS_OF(C, ComplexFloat, dotu)
BLAS_OF(Z, ComplexDouble, dotu)

#define OUTER_PRODUCT(NAME, T)                                                                    \
    HIP int hipblas##NAME(                                                                        \
        void*, int m, int n, const T* alpha, const T* x, int dx, const T* y, int dy, T* a, int lda) { \
        for (int j = 0; j < n; ++j)                                                               \
            for (int i = 0; i < m; ++i)                                                           \
                a[i + (size_t)j * lda] += *alpha * x[(size_t)i * dx] * y[(size_t)j * dy];         \
        return SUCCESS;                                                                           \
    }
OUTER_PRODUCT(Sger, float)
OUTER_PRODUCT(Dger, double)

// One entry for all types, which the codes name; a, b and c must have the same.
HIP int hipblasGemmStridedBatchedEx(
    void*, int how_a, int how_b, int m, int n, int k, const void* alpha, const void* a, int type_a,
    int lda, long long step_a, const void* b, int type_b, int ldb, long long step_b,
    const void* beta, void* c, int type_c, int ldc, long long step_c, int count, int, int) {
    if (type_a != type_b || type_a != type_c) return BAD_TYPE;
    auto all = [&](auto example, auto sum) {
        using T = decltype(example);
        using Sum = decltype(sum);
        for (int i = 0; i < count; ++i)
            product<T, Sum>(how_a, how_b, m, n, k, *(Sum*)alpha, (T*)a + i * step_a, lda,
                            (T*)b + i * step_b, ldb, *(Sum*)beta, (T*)c + i * step_c, ldc);
        return SUCCESS;
    };
    if (type_a == REAL_HALF || type_a == 2) return all(Half(), float());
    if (type_a == REAL_FLOAT || type_a == 0) return all(float(), float());
    if (type_a == REAL_DOUBLE || type_a == 1) return all(double(), double());
    return BAD_TYPE;
}
HIP int hipblasGemmEx(
    void* handle, int how_a, int how_b, int m, int n, int k, const void* alpha, const void* a,
    int type_a, int lda, const void* b, int type_b, int ldb, const void* beta, void* c, int type_c,
    int ldc, int compute, int algorithm) {
    return hipblasGemmStridedBatchedEx(
        handle, how_a, how_b, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c,
        ldc, 0, 1, compute, algorithm);
}
