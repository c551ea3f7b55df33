// Measures: bytes per clock that the SMs of clusters read out of each other's shared memory, all warps at work.
// Could fool it: the own block's memory behind the address, or another one than meant (what each block holds is a
// multiple of its own odd factor, and sums are compared); clusters that wait for others to end (each block stamps its
// stretch).
// SASS: UNROLL generic LD of VECTOR bytes per iteration.
#include "clock.cuh"
#include "cluster.cuh"

extern __shared__ __align__(1024) unsigned staged[];

#if VECTOR == 16
#define READ(sum, at)                                                                                                \
    {                                                                                                                \
        unsigned a, b, c, d;                                                                                         \
        asm volatile("ld.shared::cluster.v4.u32 {%0,%1,%2,%3}, [%4];"                                                \
                     : "=r"(a), "=r"(b), "=r"(c), "=r"(d)                                                            \
                     : "r"(at)                                                                                       \
                     : "memory");                                                                                    \
        sum += (a + b) + (c + d);                                                                                    \
    }
#elif VECTOR == 8
#define READ(sum, at)                                                                                                \
    {                                                                                                                \
        unsigned a, b;                                                                                               \
        asm volatile("ld.shared::cluster.v2.u32 {%0,%1}, [%2];" : "=r"(a), "=r"(b) : "r"(at) : "memory");            \
        sum += a + b;                                                                                                \
    }
#else
#define READ(sum, at)                                                                                                \
    {                                                                                                                \
        unsigned a;                                                                                                  \
        asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(a) : "r"(at) : "memory");                             \
        sum += a;                                                                                                    \
    }
#endif

// The rank that a warp reads from in one round; `hop` goes round 1 to size - 1. runners/cluster_reads.py has the same.
__device__ __forceinline__ unsigned target(unsigned rank, unsigned size, unsigned warp, unsigned round, unsigned hop) {
#if defined(PATTERN_PAIR)
    return rank ^ 1;
#elif defined(PATTERN_RING)
    return rank + 1 == size ? 0 : rank + 1;
#elif defined(PATTERN_BROADCAST)
    return 0;
#else
#if defined(PATTERN_RANDOM)
    unsigned mixed = (round * 64 + warp) * 0x9e3779b1u;
    mixed = (mixed ^ mixed >> 15) * 0x85ebca6bu;
    hop = 1 + ((mixed >> 16) * (size - 1) >> 16);
#endif
    return rank + hop >= size ? rank + hop - size : rank + hop;
#endif
}

// Every block holds blockDim.x * UNROLL * VECTOR bytes: `words` times its factor. A round reads all of a block's bytes;
// in every other one the warps of a pair change places, so that no load may be taken out of the loop.
// sums[block * blockDim.x + thread]: all words that the thread read. Blocks without a part only wait.
extern "C" __global__ void __launch_bounds__(1024)
    probe(const unsigned* words, const unsigned* factors, unsigned rounds, unsigned* sums, Stamp* out) {
    const unsigned rank = cluster_rank(), size = cluster_size(), warp = threadIdx.x / 32;
    const unsigned factor = factors[blockIdx.x];
    for (unsigned i = threadIdx.x; i < blockDim.x * UNROLL * VECTOR / 4; i += blockDim.x) staged[i] = words[i] * factor;
#if defined(PATTERN_ALL_TO_ONE)
    const bool works = rank == 0;
#elif defined(PATTERN_BROADCAST)
    const bool works = rank != 0;
#else
    const bool works = true;
#endif
    const unsigned own = shared_address(staged) + VECTOR * threadIdx.x, step = VECTOR * blockDim.x;
    unsigned sum = 0, hop = 1 + warp % (size - 1);
    cluster_sync();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
    if (works) {
#pragma unroll 1
        for (unsigned round = 0; round < rounds; ++round) {
            const unsigned there = mapped(own ^ (round & 1) * (32 * VECTOR), target(rank, size, warp, round, hop));
            hop = hop + 1 == size ? 1 : hop + 1;
#pragma unroll
            for (unsigned j = 0; j < UNROLL; ++j) READ(sum, there + j * step);
        }
    }
    sums[blockIdx.x * blockDim.x + threadIdx.x] = sum;
    cluster_sync();  // waits for all sums, and no block may leave while another reads from it
    const u64 c1 = clock_now();
    const u64 g1 = globaltimer_now();
    if (threadIdx.x == 0) out[blockIdx.x] = Stamp{c0, c1, g0, g1, works, smid(), 0};
}
