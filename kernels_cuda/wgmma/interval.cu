// Measures: cycles from one wgmma to the next of a warpgroup that waits for none of them until the end.
// Could fool it: an end clock that waits for the issue alone; a serialised loop; accumulators that make them wait.
// SASS: UNROLL warpgroup instructions of the shape per iteration between two clock reads, one DEPBAR behind the loop.
#include "wgmma_chain.cuh"

// `steps` is a positive multiple of 8.
extern "C" __global__ void __launch_bounds__(128)
    probe(const uint4* a, const uint4* b, const unsigned* meta, unsigned* out, unsigned steps, Stamp* stamp) {
    stage(a, b);
    const Operands with = operands(a, meta);
    timed_chain(
        steps, out, stamp, [&](int j) { multiply_add(j, with.a[j % SLICES], with.b[j % SLICES], with.meta[j % SLICES]); },
        [] { warpgroup_commit(); });
}
