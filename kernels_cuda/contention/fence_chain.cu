// Measures: cycles of a memory fence of one thread, with nothing under way or with a store to order.
// Could fool it: fences that the assembler merges or drops, or stores that it does; the SM that the fence runs on,
// and how far from it the lines lie that are stored to (on all SMs, and on other lines in each sample).
// SASS: 16 MEMBAR per iteration (with the scope's name); 16 STG where they order one, none where not.
#include "clock.cuh"

#if defined(FUNCTION_SC)
#define FENCE "fence.sc."
#elif defined(FUNCTION_MEMBAR)
#define FENCE "membar."
#else
#define FENCE "fence.acq_rel."
#endif
#if defined(SCOPE_BLOCK)
#define SCOPE "cta"
#elif defined(SCOPE_CLUSTER)
#define SCOPE "cluster"
#elif defined(SCOPE_SYSTEM)
#define SCOPE "sys"
#elif defined(FUNCTION_MEMBAR)
#define SCOPE "gl"
#else
#define SCOPE "gpu"
#endif

constexpr unsigned APART = 32 * 257;  // words between the lines that are stored to one after the other

// `memory`: the first of `steps` lines, a positive multiple of 16. Block `chosen` alone is at work. `result` is what the
// last store left.
extern "C" __global__ void probe(unsigned* memory, unsigned chosen, unsigned steps, Stamp* out) {
    if (blockIdx.x != chosen) return;
    unsigned x = 1;
    unsigned* const last = memory + (u64)APART * (steps - 1);
    *last = 0;
    __threadfence_system();
    u64 g0 = 0, c0 = 0;
#pragma unroll 1
    for (unsigned turn = 0; turn < 2; ++turn) {  // the first brings the code into the instruction cache
        const unsigned times = turn == 0 ? 16 : steps;
        unsigned* line = memory;
        g0 = globaltimer_now();
        c0 = clock_after(x);
#pragma unroll 1
        for (unsigned i = 0; i < times; i += 16, line += 16 * APART) {
#pragma unroll
            for (int j = 0; j < 16; ++j) {
#if defined(PATTERN_STORE)
                asm volatile("st.global.u32 [%0], %1;" ::"l"(line + APART * j), "r"(i + j) : "memory");
#endif
                asm volatile(FENCE SCOPE ";" ::: "memory");
            }
        }
    }
    asm volatile("ld.volatile.global.u32 %0, [%1];" : "=r"(x) : "l"(last) : "memory");
    const u64 c1 = clock_after(x);
    const u64 g1 = globaltimer_now();
    *out = Stamp{c0, c1, g0, g1, x, smid(), 0};
}
