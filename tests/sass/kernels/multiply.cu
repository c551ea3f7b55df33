// Measures: a dependent chain of fused multiply-adds, whose latency is fixed: no barrier marks its end.
// Could fool it: an end clock that is issued while the last one is under way.
// SASS: 8 FFMA per iteration between two clock reads, the last result read before the second.
#include "clock.cuh"

extern "C" __global__ void probe(float x, float y, unsigned rounds, Stamp* out) {
    x += threadIdx.x;  // else sm_120 runs the chain on its uniform datapath, as UFFMA
    const u64 c0 = clock_now();
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) asm volatile("fma.rn.f32 %0, %0, %1, %1;" : "+f"(x) : "f"(y));
    }
#if defined(UNTIED)
    const u64 c1 = clock_now();
#else
    const u64 c1 = clock_after(__float_as_uint(x));
#endif
    *out = Stamp{c0, c1, 0, 0, __float_as_uint(x), smid(), 0};
}
