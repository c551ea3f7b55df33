// Measures: multiply-adds per clock of an SM whose warpgroups keep GROUPS of one wgmma each under way.
// Could fool it: too few of them for the tensor cores; a block that leaves before its last one is done.
// SASS: UNROLL warpgroup instructions of the shape per iteration between two clock reads, each followed by a DEPBAR.
#include "wgmma_tile.cuh"

#ifndef WARPS
#define WARPS 4
#endif
#ifndef GROUPS
#define GROUPS 4
#endif
#define UNROLL 8

// `rounds` iterations of UNROLL instructions by every warpgroup; the first block leaves its accumulators.
extern "C" __global__ void __launch_bounds__(32 * WARPS)
    probe(const uint4* a, const uint4* b, const unsigned* meta, unsigned* out, unsigned rounds, Stamp* stamps) {
    stage(a, b);
    const Operands with = operands(a, meta);
    declare_accumulators();
    __syncthreads();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(read_accumulators());
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
        warpgroup_fence();
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) {
            multiply_add(j, with.a[j % SLICES], with.b[j % SLICES], with.meta[j % SLICES]);
            warpgroup_commit();
            warpgroup_wait<GROUPS - 1>();
        }
    }
    warpgroup_wait<0>();
    const unsigned result = read_accumulators();
    const unsigned all = __syncthreads_or(result == 0x7fc12345);
    const u64 c1 = clock_after(all);
    const u64 g1 = globaltimer_now();
    if (blockIdx.x == 0) write_accumulators(out);
    if (threadIdx.x == 0) stamps[blockIdx.x] = Stamp{c0, c1, g0, g1, result, smid(), 0};
}
