// Measures: cycles from an atomic of global memory to the next on the same word, whose operand it returned, line by line.
// Could fool it: an end clock that does not wait; a mean over lines that are near and lines that are far.
// SASS: 8 dependent ATOMG (ATOM) per iteration between two clock reads.
#include "clock.cuh"
#include "atomics.cuh"

// Each block has `lines` lines. Per line: the cycles of 8 atomics, as the difference of a chain of 16 and one of 8, and what
// is left in x and memory.
extern "C" __global__ void probe(u64 memory, u64 stride, unsigned lines, u64 initial, u64 operand, u64 swap, unsigned* cycles,
                                 u64* left) {
    memory += blockIdx.x * lines * stride;
    cycles += blockIdx.x * lines;
    left += 2 * blockIdx.x * lines;
    memory += threadIdx.x;  // 0, but the compiler may not know: it sums up what lanes add to one address
#pragma unroll 1
    for (unsigned line = 0; line < lines; ++line) {
        const Where p = memory + line * stride;
        *(volatile Value*)p = (Value)initial;
        __threadfence();
        Value x = (Value)operand;
        unsigned before = 0, chain = 0;
#pragma unroll 1
        for (unsigned steps = 8; steps <= 16; steps += 8) {
            const u64 c0 = clock_after((u64)x);
#pragma unroll 1
            for (unsigned i = 0; i < steps; i += 8) {
#pragma unroll
                for (int j = 0; j < 8; ++j) x = atom(p, x, (Value)swap);
            }
            const unsigned spent = (unsigned)(clock_after((u64)x) - c0);
            chain = spent - before;
            before = spent;
        }
        cycles[line] = chain;
        left[2 * line] = x;
        left[2 * line + 1] = *(volatile Value*)p;
    }
}
