// Measures: cycles from one wgmma to the next of a warpgroup that waits for none of them until the end.
// Could fool it: an end clock that waits for the issue alone; a serialised loop; accumulators that make them wait.
// SASS: UNROLL warpgroup instructions of the shape per iteration between two clock reads, one DEPBAR behind the loop.
#include "wgmma_tile.cuh"

#define UNROLL 8

// `steps` is a positive multiple of 8.
extern "C" __global__ void __launch_bounds__(128)
    probe(const uint4* a, const uint4* b, const unsigned* meta, unsigned* out, unsigned steps, Stamp* stamp) {
    stage(a, b);
    const Operands with = operands(a, meta);
    declare_accumulators();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(read_accumulators());
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += UNROLL) {
        warpgroup_fence();
#pragma unroll
        for (int j = 0; j < UNROLL; ++j)
            multiply_add(j, with.a[j % SLICES], with.b[j % SLICES], with.meta[j % SLICES]);
        warpgroup_commit();
    }
    warpgroup_wait<0>();
    const unsigned result = read_accumulators();
    const u64 c1 = clock_after(result);
    const u64 g1 = globaltimer_now();
    write_accumulators(out);
    if (threadIdx.x == 0) *stamp = Stamp{c0, c1, g0, g1, result, smid(), 0};
}
