// Measures: a dependent chain of loads, as a probe would; knobs break it in one way each.
// Could fool it: that is what the knobs are for.
// SASS: 8 LDG.E.64 per iteration between two clock reads, unless a knob says otherwise.
#include "clock.cuh"

#if defined(UNROLLED)
#define ITERATIONS _Pragma("unroll 4")
#else
#define ITERATIONS _Pragma("unroll 1")
#endif

__device__ __forceinline__ u64 follow(u64 p) {
    asm volatile("ld.global.u64 %0, [%0];" : "+l"(p)::"memory");
    return p;
}

extern "C" __global__ void probe(u64 start, unsigned warm, unsigned rounds, u64 divisor, Stamp* out) {
    u64 p = start, inside = 0;
#pragma unroll 1
    for (unsigned i = 0; i < warm; ++i) p = follow(p);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(p);
    ITERATIONS
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < 7; ++j) p = follow(p);
#if defined(SOMETIMES)
        if (i & 1) p = follow(p);
#else
        p = follow(p);
#endif
#if defined(CALLS)
        p = p / divisor;
#endif
#if defined(CLOCK_INSIDE)
        inside += clock_after(p);
#endif
    }
#if defined(ONE_MORE)
    p = follow(p);
#endif
#if defined(UNTIED)
    const u64 c1 = clock_now();
#elif defined(NO_END)
    const u64 c1 = 0;
#else
    const u64 c1 = clock_after(p);
#endif
    *out = Stamp{c0, c1, g0, inside, p, smid(), 0};
}
