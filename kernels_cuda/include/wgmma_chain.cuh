// A chain of warpgroup instructions of one warpgroup between two clock reads, for kernels that differ in when they wait.
#pragma once
#include "wgmma_tile.cuh"

#define UNROLL 8

// instruction(j): the j-th of an iteration, j below UNROLL. iteration_done(): behind the last of them. `steps` is a
// positive multiple of UNROLL.
template <typename Instruction, typename Done>
__device__ __forceinline__ void timed_chain(
    unsigned steps, unsigned* out, Stamp* stamp, Instruction instruction, Done iteration_done) {
    declare_accumulators();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(read_accumulators());
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += UNROLL) {
        warpgroup_fence();
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) instruction(j);
        iteration_done();
    }
    warpgroup_wait<0>();
    const unsigned result = read_accumulators();
    const u64 c1 = clock_after(result);
    const u64 g1 = globaltimer_now();
    write_accumulators(out);
    if (threadIdx.x == 0) *stamp = Stamp{c0, c1, g0, g1, result, smid(), 0};
}
