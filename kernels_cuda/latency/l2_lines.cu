// Measures: load-to-use latency from one chosen SM to each of many lines of L2, at its first touch and after it.
// Could fool it: a block on another SM (it leaves at once); L1 answering (the loads bypass it).
// SASS: 16 dependent LDG.E.64.STRONG.GPU per iteration between clock reads that wait for the last load.
#include "clock.cuh"

__device__ __forceinline__ unsigned once(u64& p) {
    const u64 c0 = clock_after(p);
    asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
    return (unsigned)(clock_after(p) - c0);
}

// Every line holds its own address, stored just before by SMs of both sides in turn: a store leaves it in the partition
// that its memory belongs to and in that of the storing SM, and the first load brings it to that of the loading SM. Per line: the first load,
// the second, and 16 loads as the difference of a chain of 32 and one of 16. The first two hold the clock's cost.
extern "C" __global__ void probe(u64 memory, u64 stride, unsigned lines, unsigned target_sm, unsigned* taken,
                                 unsigned* cycles) {
    if (smid() != target_sm || atomicExch(taken, 1u)) return;
#pragma unroll 1
    for (unsigned line = 0; line < lines; ++line) {
        u64 p = memory + line * stride;
        const unsigned first = once(p), second = once(p);
        unsigned short_chain = 0, chain = 0;
#pragma unroll 1
        for (unsigned hops = 16; hops <= 32; hops += 16) {
            const u64 c0 = clock_after(p);
#pragma unroll 1
            for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
                for (int j = 0; j < 16; ++j) asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
            }
            const unsigned spent = (unsigned)(clock_after(p) - c0);
            if (hops == 16) short_chain = spent;
            else chain = spent - short_chain;
        }
        cycles[3 * line] = first;
        cycles[3 * line + 1] = second;
        cycles[3 * line + 2] = chain;
    }
}
