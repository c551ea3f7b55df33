// Measures: nothing in time: what accumulators of m64n8 hold after operands in which chosen bits stand far apart.
// Could fool it: operands laid out wrongly, which the host sees by terms that every accumulator must keep.
// SASS: 4 warpgroup instructions of the shape per iteration, one for each slice of a row.
#include "wgmma_tile.cuh"

// `steps` rows of 128 bytes each for 64 rows of A and N of B, one after the other along K.
extern "C" __global__ void __launch_bounds__(128)
    probe(const uint4* a, const uint4* b, unsigned* out, unsigned steps) {
    declare_accumulators();
#pragma unroll 1
    for (unsigned i = 0; i < steps; ++i) {
        stage(a + i * (64 * A_ROW / 16), b + i * (N * B_ROW / 16));
        const Operands with = operands(a, nullptr);
        warpgroup_fence();
#pragma unroll
        for (int s = 0; s < SLICES; ++s) multiply_add(s, with.a[s], with.b[s], 0);
        warpgroup_commit();
        warpgroup_wait<0>();
        __syncthreads();
    }
    write_accumulators(out);
}
