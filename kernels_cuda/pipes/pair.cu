// Measures: operations per clock of an SM, of two kinds side by side in each thread: do their pipes run at once?
// Could fool it: one kind that is too slow to keep the other's pipe busy (RATIO of the first go with each of the
// second); an end clock that is read before the last warp is done.
// SASS: 4 * kEach of the second and RATIO times as many of the first per iteration between two clock reads, the second
// read behind a barrier whose predicate depends on every chain.
#include "operations.cuh"
#include "barrier.cuh"

static const int kChains = 4;
static const int kEach = 240 / (RATIO + 1) / kChains;  // steps of each chain of the second
#if defined(SECOND_NONE)
struct Nothing : Step<u32> {
    static __device__ __forceinline__ void step(u32&, u32, u32, int) {}
};
typedef Nothing Other;
#else
typedef Second<void> Other;
#endif
typedef First<void> One;

// Values of each chain and four operands of a thread, folded into `n` so that they are there.
template <typename T>
__device__ __forceinline__ unsigned fetched(const T* in, T* x, T* v, unsigned n) {
#pragma unroll
    for (int k = 0; k < kChains + 4; ++k) {
        const T value = in[k * blockDim.x + threadIdx.x];
        n = folded(n, bits(value));
        if (k < kChains) x[k] = value;
        else v[k - kChains] = value;
    }
    return n;
}

template <typename T>
__device__ __forceinline__ void written(T* last, const T* x) {
#pragma unroll
    for (int c = 0; c < kChains; ++c) last[(blockIdx.x * kChains + c) * blockDim.x + threadIdx.x] = x[c];
}

// As in throughput.cu, for two operations with values and operands of their own. `rounds` is positive.
extern "C" __global__ void probe(const One::Value* first, const Other::Value* second, One::Value* first_last,
                                 Other::Value* second_last, unsigned rounds, Stamp* stamps) {
    One::Value x[kChains], v[4];
    Other::Value y[kChains], w[4];
    unsigned before = fetched(first, x, v, 0), after = 0;
#if !defined(SECOND_NONE)
    before = fetched(second, y, w, before);
#endif
    const u64 c0 = clock_after_all(before), g0 = globaltimer_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    do {
#pragma unroll
        for (int j = 0; j < kEach; ++j) {
#pragma unroll
            for (int r = 0; r < RATIO; ++r) {
#pragma unroll
                for (int c = 0; c < kChains; ++c) {
                    One::step(x[c], v[(j * RATIO + r) % 4], v[(j * RATIO + r + 1) % 4], j * RATIO + r);
                }
            }
#pragma unroll
            for (int c = 0; c < kChains; ++c) Other::step(y[c], w[j % 4], w[(j + 1) % 4], j);
        }
    } while (--rounds);
#pragma unroll
    for (int c = 0; c < kChains; ++c) after = folded(after, bits(x[c]));
#if !defined(SECOND_NONE)
#pragma unroll
    for (int c = 0; c < kChains; ++c) after = folded(after, bits(y[c]));
#endif
    const u64 c1 = clock_after_all(after), g1 = globaltimer_now();
    written(first_last, x);
#if !defined(SECOND_NONE)
    written(second_last, y);
#endif
    if (threadIdx.x == 0) stamps[blockIdx.x] = Stamp{c0, c1, g0, g1, after, smid(), 0};
}
