// Measures: operations per clock of an SM, ILP independent chains in each thread of a block.
// Could fool it: operations that the assembler fuses, moves out of the loop or drops; a loop that is mostly overhead;
// an end clock that is read before the last warp is done.
// SASS: the operation's `steps` instructions per iteration between two clock reads, the second behind a barrier whose
// predicate depends on every chain.
#include "operations.cuh"
#include "barrier.cuh"

typedef Chosen<void> Operation;
typedef Operation::Value Value;
static const int kEach = Operation::steps / ILP;

// `in`: ILP values and four operands for each thread of a block. Every block does
// the same and writes its own results. `rounds` is positive.
extern "C" __global__ void probe(const Value* in, Value* last, unsigned rounds, Stamp* stamps) {
    const unsigned threads = blockDim.x, t = threadIdx.x;
    Value x[ILP], v[4];
    unsigned before = 0, after = 0;
#pragma unroll
    for (int c = 0; c < ILP; ++c) before = folded(before, bits(x[c] = in[c * threads + t]));
#pragma unroll
    for (int k = 0; k < 4; ++k) before = folded(before, bits(v[k] = in[(ILP + k) * threads + t]));
    const u64 c0 = clock_after_all(before), g0 = globaltimer_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    do {
#pragma unroll
        for (int j = 0; j < kEach; ++j) {
#pragma unroll
            for (int c = 0; c < ILP; ++c) Operation::step(x[c], v[j % 4], v[(j + 1) % 4], j);
        }
    } while (--rounds);
#pragma unroll
    for (int c = 0; c < ILP; ++c) after = folded(after, bits(x[c]));
    const u64 c1 = clock_after_all(after), g1 = globaltimer_now();
#pragma unroll
    for (int c = 0; c < ILP; ++c) last[(blockIdx.x * ILP + c) * threads + t] = x[c];
    if (t == 0) stamps[blockIdx.x] = Stamp{c0, c1, g0, g1, after, smid(), 0};
}
