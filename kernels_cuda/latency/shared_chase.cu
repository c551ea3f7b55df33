// Measures: load-to-use latency of one thread following addresses through shared memory.
// Could fool it: an end clock that does not wait for the last load.
// SASS: 16 dependent LDS per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"

extern __shared__ unsigned ring[];

#if defined(FORM_INDEX)
#define STORED(offset) (offset)
__device__ __forceinline__ unsigned follow(unsigned p, unsigned base) {
    unsigned next;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(next) : "r"(base + 4 * p) : "memory");
    return next;
}
#else
#define STORED(offset) (base + 4 * (offset))
__device__ __forceinline__ unsigned follow(unsigned p, unsigned) {
    asm volatile("ld.shared.u32 %0, [%0];" : "+r"(p)::"memory");
    return p;
}
#endif

// `offsets`: a ring of element offsets, `words` long; shared memory gets them as addresses, or as they are.
extern "C" __global__ void probe(const unsigned* offsets, unsigned words, unsigned start, unsigned hops, Stamp* out) {
    const unsigned base = (unsigned)__cvta_generic_to_shared(ring);
#pragma unroll 1
    for (unsigned i = 0; i < words; ++i) ring[i] = STORED(offsets[i]);
    unsigned p = STORED(start);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(p);
#pragma unroll 1
    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) p = follow(p, base);
    }
    const u64 c1 = clock_after(p);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, (p - STORED(0u)) / (STORED(1u) - STORED(0u)), smid(), 0};
}
