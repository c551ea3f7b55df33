// Measures: cycles from the issue of one wgmma to its completion: issue, commit, wait for all, over and over.
// Could fool it: a wait for an earlier group; a clock read before the accumulators are there; a serialised loop.
// SASS: UNROLL warpgroup instructions of the shape per iteration between two clock reads, each followed by a DEPBAR.
#include "wgmma_chain.cuh"

// `steps` is a positive multiple of 8.
extern "C" __global__ void __launch_bounds__(128)
    probe(const uint4* a, const uint4* b, const unsigned* meta, unsigned* out, unsigned steps, Stamp* stamp) {
    stage(a, b);
    const Operands with = operands(a, meta);
    timed_chain(
        steps, out, stamp,
        [&](int j) {
            multiply_add(j, with.a[j % SLICES], with.b[j % SLICES], with.meta[j % SLICES]);
            warpgroup_commit();
            warpgroup_wait<0>();
        },
        [] {});
}
