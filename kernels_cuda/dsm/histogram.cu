// Measures: how fast keys are counted into bins that lie in each block's shared memory, spread over a cluster's, or in
// L2.
// Could fool it: counts that are lost or counted twice (all bins are compared); blocks that are not resident at once.
// SASS: 8 atomics without return per iteration: of shared memory (ATOMS), generic (ATOM) or of global memory (REDG).
#include "cluster.cuh"

extern __shared__ unsigned counts[];

// Adds one to the bin of a key; `bins` is a power of two.
__device__ __forceinline__ void count(unsigned key, unsigned bins, unsigned share_bits, unsigned own, unsigned* total) {
    const unsigned bin = key & (bins - 1);
#if defined(METHOD_SHARED)
    asm volatile("red.shared::cta.add.u32 [%0], 1;" ::"r"(own + 4 * bin) : "memory");
#elif defined(METHOD_DSM)
    const unsigned at = mapped(own + 4 * (bin & ((1u << share_bits) - 1)), bin >> share_bits);
    asm volatile("red.relaxed.cluster.shared::cluster.add.u32 [%0], 1;" ::"r"(at) : "memory");
#else
    asm volatile("red.relaxed.gpu.global.add.u32 [%0], 1;" ::"l"(total + bin) : "memory");
#endif
}

// keys: `quads` times four, a multiple of two per thread of each block. total: `bins` counts, zero before. Each block
// of a cluster has 2^share_bits of the bins.
extern "C" __global__ void probe(const uint4* keys, unsigned quads, unsigned bins, unsigned share_bits,
                                 unsigned* total) {
    const unsigned own = shared_address(counts), share = 1u << share_bits;
#if !defined(METHOD_GLOBAL)
    for (unsigned i = threadIdx.x; i < share; i += blockDim.x) counts[i] = 0;
    __syncthreads();
#endif
#if defined(METHOD_DSM)
    cluster_sync();
#endif
    const unsigned stride = 2 * gridDim.x * blockDim.x;
#pragma unroll 1
    for (unsigned i = 2 * blockIdx.x * blockDim.x + threadIdx.x; i < quads; i += stride) {
        const uint4 a = __ldcs(keys + i), b = __ldcs(keys + i + blockDim.x);
        count(a.x, bins, share_bits, own, total);
        count(a.y, bins, share_bits, own, total);
        count(a.z, bins, share_bits, own, total);
        count(a.w, bins, share_bits, own, total);
        count(b.x, bins, share_bits, own, total);
        count(b.y, bins, share_bits, own, total);
        count(b.z, bins, share_bits, own, total);
        count(b.w, bins, share_bits, own, total);
    }
#if defined(METHOD_DSM)
    cluster_sync();
#endif
#if !defined(METHOD_GLOBAL)
    __syncthreads();
#if defined(METHOD_DSM)
    unsigned* const part = total + cluster_rank() * share;
#else
    unsigned* const part = total;
#endif
    for (unsigned i = threadIdx.x; i < share; i += blockDim.x) {
        const unsigned found = counts[i];
        if (found) atomicAdd(part + i, found);
    }
#endif
}
