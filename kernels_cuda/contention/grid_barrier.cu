// Measures: cycles of a barrier of all blocks of a grid, made of an atomic and a wait in global memory.
// Could fool it: an atomic that the compiler makes for many lanes at once; blocks that are not resident at once (there are no more than SMs, and each gives up in time).
// SASS: one ATOM (ATOMG, RED) per iteration between two clock reads.
#include "clock.cuh"

constexpr u64 PATIENCE_NS = 200000000;

// Blocks of one thread. Barrier number i (from `first` on, over all launches) counts on line i modulo 2^bits: how far a line
// lies from the SMs is as good as a quarter of the cycles. `result`: barriers passed.
extern "C" __global__ void probe(char* memory, unsigned bits, unsigned first, unsigned steps, Stamp* out) {
    unsigned passed = 0;
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(passed);
#pragma unroll 1
    for (unsigned i = first; i != first + steps; ++i) {
        char* const arrived = memory + 128ull * (i & ((1u << bits) - 1)) + threadIdx.x;
        const unsigned target = ((i >> bits) + 1) * gridDim.x;
        unsigned seen;
        asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(seen) : "l"(arrived) : "memory");
        seen += 1;
        while ((int)(seen - target) < 0 && globaltimer_now() - g0 < PATIENCE_NS)
            asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory");
        passed += (int)(seen - target) >= 0;
    }
    const u64 c1 = clock_after(passed);
    const u64 g1 = globaltimer_now();
    if (blockIdx.x == 0) *out = Stamp{c0, c1, g0, g1, passed, smid(), 0};
}
