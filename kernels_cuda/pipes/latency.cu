// Measures: cycles of one operation that waits for the one before it, in one warp.
// Could fool it: two operations that the assembler fuses into one, or a chain that it shortens; an end clock that does
// not wait for the last one; the end of a short loop, which is some 12 cycles that a short operation does not hide.
// SASS: the operation's `steps` per iteration between two clock reads, the second waiting for the last step.
#include "operations.cuh"
#include "clock.cuh"

typedef Chosen<void> Operation;
typedef Operation::Value Value;

// `in`: one value and four operands, 32 lanes each. `operations` is a positive multiple of steps * per_step.
extern "C" __global__ void probe(const Value* in, Value* last, unsigned operations, Stamp* out) {
    const unsigned lane = threadIdx.x;
    Value x = in[lane];
    const Value v[4] = {in[32 + lane], in[64 + lane], in[96 + lane], in[128 + lane]};
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(bits(x) ^ bits(v[0]) ^ bits(v[1]) ^ bits(v[2]) ^ bits(v[3]));
#pragma unroll 1
    do {
#pragma unroll
        for (int j = 0; j < Operation::steps; ++j) Operation::step(x, v[j % 4], v[(j + 1) % 4], j);
    } while (operations -= Operation::steps * Operation::per_step);
    const u64 c1 = clock_after(bits(x));
    const u64 g1 = globaltimer_now();
    last[lane] = x;
    if (lane == 0) *out = Stamp{c0, c1, g0, g1, bits(x), smid(), 0};
}
