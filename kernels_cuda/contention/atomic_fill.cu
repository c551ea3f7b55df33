// Measures: atomics per clock and SM while all warps of all SMs make them, on few words or many.
// Could fool it: an atomic that the compiler makes of a loop around a CAS; lanes that it sums up before.
// SASS: 8 ATOMS, ATOMG or REDG (RED) per iteration; where there is no such instruction, CAS loops.
#include "clock.cuh"
#include "atomics.cuh"

extern __shared__ Value staged[];

#if defined(PATTERN_WARP)
#define SHARING_WARP 0
#elif defined(SOURCE_SHARED)
#define SHARING_WARP (threadIdx.x / 32)
#else
#define SHARING_WARP (thread / 32)
#endif

// A warp falls on `count` words: its own line (PATTERN_WARP), or the same ones for all (PATTERN_ALL). CAS looks for what a word
// held at first, so that one of all that share it stores its number. Of the threads that share a word one in `spacing` adds
// floating-point numbers and the others add zero: it adds its operand and takes it back, in turn, but for the last time, and
// no order of them leaves the numbers that a small type holds exactly. `words` holds the words of global memory, or gets each
// block's words of shared memory; `launches` counts.
extern "C" __global__ void probe(Value* words, Value initial, Value operand, Value negative, unsigned count,
                                 unsigned rounds, unsigned spacing, unsigned* launches, unsigned* sink, Stamp* out) {
    const unsigned lane = threadIdx.x % 32, thread = blockIdx.x * blockDim.x + threadIdx.x;
#if defined(SOURCE_SHARED)
    staged[threadIdx.x] = initial;
    unsigned word = lane % count;
#if defined(PATTERN_WARP)
    word += threadIdx.x / 32 * 32;
#endif
    const Where p = (unsigned)__cvta_generic_to_shared(staged + word);
#else
    unsigned word = lane % count;
#if defined(PATTERN_WARP)
    word += thread / 32 * 32;
#endif
    const Where p = (Where)(words + word);
#endif
#if defined(DTYPE_U32) || defined(DTYPE_U64)
    const Value even = operand + 2 * thread, odd = even, last_even = even, last_odd = even;
#else
    const unsigned rank = lane / count + SHARING_WARP * (32 / count);  // among those that share the word
    const bool minus = rank / spacing % 2;  // else all add before any takes back, and small types round
    const bool adds = rank % spacing == 0;
    const Value even = !adds ? (Value)0 : minus ? negative : operand, odd = !adds ? (Value)0 : minus ? operand : negative;
    const Value last_even = minus ? (Value)0 : even, last_odd = minus ? odd : (Value)0;
#endif
    Value fold = 0;
    __syncthreads();
    const u64 g0 = globaltimer_now(), c0 = clock_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
        const bool last = i + 1 == rounds;
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const Value x = j < 6 || !last ? (j % 2 ? odd : even) : j == 6 ? last_even : last_odd;
#if defined(METHOD_RED)
            reduce(p, x);
#elif defined(FUNCTION_CAS)
            fold ^= atom(p, initial, x);
#else
            fold ^= atom(p, x, (Value)0);
#endif
        }
    }
    asm volatile("" ::IN(fold) : "memory");
#if defined(METHOD_RED) && !defined(SOURCE_SHARED)
    __threadfence();  // a reduction returns nothing: its block is done when its writes are seen
#endif
    __syncthreads();
    const u64 c1 = clock_now(), g1 = globaltimer_now();
    if (fold == (Value)0x9e3779b97f4a7c15ull) *sink = (unsigned)fold;
#if defined(SOURCE_SHARED)
    words[thread] = staged[threadIdx.x];
#endif
    if (thread == 0) *launches += 1;
    if (threadIdx.x == 0) out[blockIdx.x] = Stamp{c0, c1, g0, g1, 0, smid(), 0};
}
