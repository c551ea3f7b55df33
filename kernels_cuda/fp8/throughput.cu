// Measures: conversions of pairs to or from FP8 per clock of an SM, by warps and by chains per thread.
// Could fool it: results that nothing uses; chains that the compiler shortens; too few of them to fill the pipe; a loop
// so short that its own instructions, which go through the pipe of the conversions, take some of it.
// SASS: BODY F2FP of the format per iteration between two clock reads, the second waiting for all of them.
#include "clock.cuh"
#include "fp8.cuh"

#ifndef ILP
#define ILP 8
#endif
#if __CUDA_ARCH__ >= 900
#define BODY 128
#else
#define BODY 32  // the assembler for sm_89 leaves a loop of more than 250 instructions by a call
#endif

// Converts `count` pairs of a table, if any; else `steps` on each of the ILP chains of every thread, a positive
// multiple of BODY / ILP.
extern "C" __global__ void __launch_bounds__(1024)
    probe(const Pair* from, Pair* to, unsigned count, unsigned steps, Stamp* stamps) {
    if (count) {
        convert_all(from, to, count);
        return;
    }
    Pair x[ILP];
    unsigned all = 0;
#pragma unroll
    for (int k = 0; k < ILP; ++k) {
        x[k] = following(from[threadIdx.x * ILP + k]);
        all ^= x[k].low ^ x[k].high;
    }
    const unsigned ready = __syncthreads_or(all == 0x7fc12345);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(ready);
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += BODY / ILP) {
#pragma unroll
        for (int j = 0; j < BODY / ILP; ++j) {
#pragma unroll
            for (int k = 0; k < ILP; ++k) x[k] = following(convert(x[k]));
        }
    }
    all = 0;
#pragma unroll
    for (int k = 0; k < ILP; ++k) all ^= x[k].low;
    const unsigned done = __syncthreads_or(all == 0x7fc12345);
    const u64 c1 = clock_after(done);
    const u64 g1 = globaltimer_now();
    if (threadIdx.x == 0) stamps[blockIdx.x] = Stamp{c0, c1, g0, g1, all, smid(), 0};
}
