// Measures: cycles of one barrier of all threads of a cluster that arrive together, or of one block.
// Could fool it: a launch without clusters, for which the compiler keeps a barrier of the block in the code (the size
// is compiled in); the end of the loop, ten cycles that nothing hides behind a barrier.
// SASS: 32 UCGABAR_ARV, or BAR.SYNC, per iteration between two clock reads.
#include "clock.cuh"
#include "cluster.cuh"

#if defined(FUNCTION_BLOCK)
#define BARRIER __syncthreads()
#elif defined(FUNCTION_RELAXED)
#define BARRIER (cluster_arrive_relaxed(), cluster_wait())
#else
#define BARRIER (cluster_arrive(), cluster_wait())
#endif

// `rounds` is a positive multiple of 32. Cluster `chosen` alone is at work; its first thread writes the stamp.
extern "C" __global__ void __cluster_dims__(CLUSTER_SIZE, 1, 1) probe(unsigned chosen, unsigned rounds, Stamp* out) {
    if (blockIdx.x / CLUSTER_SIZE != chosen) return;
    u64 g0 = 0, c0 = 0;
#pragma unroll 1
    for (unsigned turn = 0; turn < 2; ++turn) {  // the first brings the code into the instruction cache
        const unsigned times = turn == 0 ? 32 : rounds;
        g0 = globaltimer_now();
        c0 = clock_now();
#pragma unroll 1
        for (unsigned i = 0; i < times; i += 32) {
#pragma unroll
            for (int j = 0; j < 32; ++j) BARRIER;
        }
    }
    const u64 c1 = clock_now();
    const u64 g1 = globaltimer_now();
    if (blockIdx.x % CLUSTER_SIZE == 0 && threadIdx.x == 0) *out = Stamp{c0, c1, g0, g1, rounds, smid(), 0};
}
