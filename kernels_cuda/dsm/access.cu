// Measures: latency of one thread's dependent loads, or atomics that return a value, in another block's shared memory.
// Could fool it: the own block's memory behind the address; a chain whose every value is known beforehand.
// SASS: 16 dependent LD or ATOM per iteration between two clock reads, the second waiting for the last one.
#include "clock.cuh"
#include "cluster.cuh"

extern __shared__ u64 words[];  // the ring, then the rank of the block that it belongs to

#define RANK_AT 8192  // bytes of the longest ring

#if defined(FUNCTION_LOAD)
typedef u64 Value;
#define STEP asm volatile("ld.u64 %0, [%0];" : "+l"(v)::"memory")
#elif defined(FUNCTION_LOAD_WINDOW)
typedef unsigned Value;
#define STEP asm volatile("ld.shared::cluster.u32 %0, [%0];" : "+r"(v)::"memory")
#else
typedef unsigned Value;
#define STEP asm volatile("atom.shared::cluster.add.u32 %0, [%1], %0;" : "+r"(v) : "r"(at) : "memory")
#endif

// Rank 0 works in the memory of rank `target`: a ring of `count` places (i follows 5 i + 3, `count` a power of two), or
// one word that starts as `first`, to which the value that the last atomic returned is added. Cluster `chosen` alone is
// at work. result: the last value, and in its upper half the rank that the memory says it belongs to.
extern "C" __global__ void probe(unsigned target, unsigned count, unsigned first, unsigned chosen, unsigned steps,
                                 Stamp* out) {
    if (cluster_id() != chosen) return;
    // The thread's own word, which is the first: to one address for all threads ptxas adds the sum of the warp.
    const unsigned at = mapped(shared_address(words) + 4 * threadIdx.x, target);
    *(unsigned*)((char*)words + RANK_AT) = cluster_rank();
    cluster_sync();  // the other block runs from here on
    if (cluster_rank() == 0) {
#if defined(FUNCTION_LOAD)
        const u64 base = mapped_generic(words, target);
#elif defined(FUNCTION_LOAD_WINDOW)
        const Value base = at;
#endif
#if defined(FUNCTION_LOAD) || defined(FUNCTION_LOAD_WINDOW)
        const Value pitch = sizeof(Value);
#pragma unroll 1
        for (unsigned i = 0; i < count; ++i) {
            const Value next = base + pitch * ((5 * i + 3) & (count - 1));
#if defined(FUNCTION_LOAD)
            asm volatile("st.u64 [%0], %1;" ::"l"(base + pitch * i), "l"(next) : "memory");
#else
            asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(base + pitch * i), "r"(next) : "memory");
#endif
        }
        Value v = base + pitch * first;
#else
        asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(at), "r"(first) : "memory");
        Value v = count;
#endif
        u64 g0 = 0, c0 = 0, c1 = 0;
#pragma unroll 1
        for (unsigned turn = 0; turn < 2; ++turn) {  // the first brings the code into the instruction cache
            const unsigned times = turn == 0 ? 16 : steps;
            g0 = globaltimer_now();
            c0 = clock_after(v);
#pragma unroll 1
            for (unsigned i = 0; i < times; i += 16) {
#pragma unroll
                for (int j = 0; j < 16; ++j) STEP;
            }
            c1 = clock_after(v);
        }
        const u64 g1 = globaltimer_now();
        unsigned owner;
#if defined(FUNCTION_LOAD)
        asm volatile("ld.u32 %0, [%1];" : "=r"(owner) : "l"(base + RANK_AT) : "memory");
#else
        asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(owner) : "r"(at + RANK_AT) : "memory");
#endif
#if defined(FUNCTION_LOAD) || defined(FUNCTION_LOAD_WINDOW)
        const u64 last = (v - base) / pitch;
#else
        const u64 last = v;
#endif
        *out = Stamp{c0, c1, g0, g1, last | (u64)owner << 32, smid(), 0};
    }
    cluster_sync();
}
