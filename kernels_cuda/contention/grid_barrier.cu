// Measures: cycles of a barrier of blocks on as many SMs, made of an atomic and a wait in global memory.
// Could fool it: an atomic that the compiler makes for many lanes at once; blocks that are not resident at once (there
// are no more than SMs, and each gives up in time); which SMs these are, and which lines they meet on (all in
// a sample).
// SASS: one ATOM (ATOMG, RED) per iteration between two clock reads.
#include "clock.cuh"

constexpr u64 PATIENCE_NS = 200000000;

// Blocks of one thread, of which those `count` meet whose turn is below it: (block + grid - offset) * factor modulo the
// grid; that of turn 0 writes the stamp. Barrier number i (from `first` on, over all launches on this memory) counts on
// line i modulo 2^bits of those `apart` bytes apart: how far a line lies from the SMs is as good as a quarter of the
// cycles. `result`: barriers passed.
extern "C" __global__ void probe(char* memory, unsigned apart, unsigned bits, unsigned first, unsigned count,
                                 unsigned factor, unsigned offset, unsigned steps, Stamp* out) {
    const unsigned turn = (blockIdx.x + gridDim.x - offset) * factor % gridDim.x;
    if (turn >= count) return;
    unsigned passed = 0;
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(passed);
#pragma unroll 1
    for (unsigned i = first; i != first + steps; ++i) {
        char* const arrived = memory + (u64)apart * (i & ((1u << bits) - 1)) + threadIdx.x;
        const unsigned target = ((i >> bits) + 1) * count;
        unsigned seen;
        asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(seen) : "l"(arrived) : "memory");
        seen += 1;
        while ((int)(seen - target) < 0 && globaltimer_now() - g0 < PATIENCE_NS)
            asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory");
        passed += (int)(seen - target) >= 0;
    }
    const u64 c1 = clock_after(passed);
    const u64 g1 = globaltimer_now();
    if (turn == 0) *out = Stamp{c0, c1, g0, g1, passed, smid(), 0};
}
