// Measures: latency of one thread's dependent atomic additions, of system scope, to host or device memory.
// Could fool it: additions whose result nothing needs, which become reductions that the SM does not wait for.
// SASS: 8 dependent ATOMG.ADD.64 of system scope per iteration between two clock reads, the second after the last.
#include "clock.cuh"

// Each addition adds what the one before it found, made odd. `steps` is a positive multiple of 8.
extern "C" __global__ void probe(u64* word, u64 first, unsigned steps, Stamp* out) {
    u64 found = first;
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(found);
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += 8) {
#pragma unroll
        for (int j = 0; j < 8; ++j)
            asm volatile("atom.relaxed.sys.global.add.u64 %0, [%1], %2;" : "=l"(found) : "l"(word), "l"(found | 1) : "memory");
    }
    const u64 c1 = clock_after(found);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, found, smid(), 0};
}
