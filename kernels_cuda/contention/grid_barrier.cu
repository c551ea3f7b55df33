// Measures: cycles of a barrier of blocks on as many SMs, made of an atomic and a wait in global memory.
// Could fool it: an atomic that the compiler makes for many lanes at once; blocks that are not resident at once (there
// are no more than SMs, and each gives up in time), or that begin up to a microsecond after each other (all meet once
// before the clock starts); which SMs these are, and which lines they meet on (all in a sample).
// SASS: one ATOM (ATOMG, RED) per iteration between two clock reads.
#include "clock.cuh"

constexpr u64 PATIENCE_NS = 200000000;

// Whether `count` blocks met at barrier number i before `begun` was too long ago: it counts on line i modulo 2^bits of
// those `apart` bytes apart. How far a line lies from the SMs is as good as a quarter of the cycles.
__device__ __forceinline__ unsigned met(char* memory, unsigned apart, unsigned bits, unsigned i, unsigned count,
                                        u64 begun) {
    char* const arrived = memory + (u64)apart * (i & ((1u << bits) - 1)) + threadIdx.x;
    const unsigned target = ((i >> bits) + 1) * count;
    unsigned seen;
    asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(seen) : "l"(arrived) : "memory");
    seen += 1;
    while ((int)(seen - target) < 0 && globaltimer_now() - begun < PATIENCE_NS)
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory");
    return (int)(seen - target) >= 0;
}

// Blocks of one thread, of which those `count` meet whose turn is below it: (block + grid - offset) * factor modulo the
// grid; that of turn 0 writes the stamp. They meet `steps` times, at barriers from number `first` on, which counts over
// all launches on this memory; the clock starts after the first. `result`: barriers passed.
extern "C" __global__ void probe(char* memory, unsigned apart, unsigned bits, unsigned first, unsigned count,
                                 unsigned factor, unsigned offset, unsigned steps, Stamp* out) {
    const unsigned turn = (blockIdx.x + gridDim.x - offset) * factor % gridDim.x;
    if (turn >= count) return;
    const u64 begun = globaltimer_now();
    unsigned passed = met(memory, apart, bits, first, count, begun);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(passed);
#pragma unroll 1
    for (unsigned i = first + 1; i != first + steps; ++i) passed += met(memory, apart, bits, i, count, begun);
    const u64 c1 = clock_after(passed);
    const u64 g1 = globaltimer_now();
    if (turn == 0) *out = Stamp{c0, c1, g0, g1, passed, smid(), 0};
}
