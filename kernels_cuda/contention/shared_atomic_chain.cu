// Measures: cycles from an atomic of shared memory to the next, whose operand is what the first returned.
// Could fool it: an end clock that does not wait; an atomic that the compiler makes of a loop around a CAS.
// SASS: 16 dependent ATOMS per iteration between two clock reads; where there is no such instruction, CAS loops.
#include "clock.cuh"
#include "atomics.cuh"

// `ways` lanes of the warp share a word, each word lies in a bank of its own. `result`: all that lanes and words hold.
extern "C" __global__ void probe(u64 initial, u64 operand, u64 swap, unsigned ways, unsigned steps,
                                 Stamp* out) {
    __shared__ Value words[32];
    __shared__ u64 held[32];
    words[threadIdx.x] = (Value)initial;
    __syncthreads();
    const Where p = (unsigned)__cvta_generic_to_shared(&words[threadIdx.x / ways]);
    Value x = (Value)(operand + threadIdx.x);
    x = atom(p, x, (Value)swap);
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after((u64)x);
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += 16) {
#pragma unroll
        for (int j = 0; j < 16; ++j) x = atom(p, x, (Value)swap);
    }
    const u64 c1 = clock_after((u64)x);
    const u64 g1 = globaltimer_now();
    held[threadIdx.x] = (u64)x + (threadIdx.x % ways ? 0 : (u64)words[threadIdx.x / ways]);
    __syncthreads();
    if (threadIdx.x) return;
    u64 sum = 0;
    for (unsigned i = 0; i < blockDim.x; ++i) sum += held[i];
    *out = Stamp{c0, c1, g0, g1, sum, smid(), 0};
}
