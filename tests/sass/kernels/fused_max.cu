// Measures: a chain of two-input maxima, of which some targets make half as many three-input ones.
// Could fool it: half the latency that the instruction has.
// SASS: 8 two-input maxima per iteration where the target has no three-input one, else 4 of that.
#include "clock.cuh"

extern "C" __global__ void probe(int a, int b, unsigned rounds, Stamp* out) {
    int x = threadIdx.x;
    const u64 c0 = clock_now();
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            x = max(x, a);
            x = max(x, b);
            a += x;
        }
    }
    const u64 c1 = clock_after((unsigned)(x + a));
    *out = Stamp{c0, c1, 0, 0, (u64)x, smid(), 0};
}
