// Measures: cycles of one conversion of a pair to or from FP8 that waits for the one before it.
// Could fool it: a chain that the compiler shortens; moves between halves of a register that are no part of it; the end of
// a short loop, which is some 13 cycles that a conversion does not hide.
// SASS: CHAIN dependent F2FP of the format per iteration between two clock reads, the second waiting for the last.
#include "clock.cuh"
#include "fp8.cuh"

#if __CUDA_ARCH__ >= 900
#define CHAIN 224
#else
#define CHAIN 32  // the assembler for sm_89 leaves a loop of more than 250 instructions by a call
#endif

// Converts `count` pairs of a table, if any; else `steps` conversions in a chain, a positive multiple of CHAIN.
extern "C" __global__ void probe(const Pair* from, Pair* to, unsigned count, unsigned steps, Stamp* out) {
    if (count) {
        convert_all(from, to, count);
        return;
    }
    Pair x = following(from[threadIdx.x]);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(x.low ^ x.high);
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += CHAIN) {
#pragma unroll
        for (int j = 0; j < CHAIN; ++j) x = following(convert(x));
    }
    const u64 c1 = clock_after(x.low);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, x.low, smid(), 0};
}
