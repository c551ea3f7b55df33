// Measures: load-to-use latency from one chosen SM to each of many lines that L2 holds.
// Could fool it: a block on another SM (it leaves at once); L1 answering (the loads bypass it).
// SASS: 16 dependent LDG.E.64.STRONG.GPU per iteration between clock reads that wait for the last load.
#include "clock.cuh"

// Every line holds its own address. cycles[line]: 64 loads of it, as the difference of 80 and 16 loads.
extern "C" __global__ void probe(u64 memory, u64 stride, unsigned lines, unsigned target_sm, unsigned* taken,
                                 unsigned* cycles) {
    if (smid() != target_sm || atomicExch(taken, 1u)) return;
#pragma unroll 1
    for (unsigned line = 0; line < lines; ++line) {
        u64 p = memory + line * stride;
        asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
        unsigned short_chain = 0;
#pragma unroll 1
        for (unsigned hops = 16; hops <= 80; hops += 64) {
            const u64 c0 = clock_after(p);
#pragma unroll 1
            for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
                for (int j = 0; j < 16; ++j) asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
            }
            const unsigned spent = (unsigned)(clock_after(p) - c0);
            if (hops == 16) short_chain = spent;
            else cycles[line] = spent - short_chain;
        }
    }
}
