// Measures: cycles of one round of one thread: a barrier's arrive and wait, a store and its wait, a prefetch issued.
// Could fool it: a wait that was over before it began (each round is awaited before the next); work left undone.
// SASS: 4 rounds per iteration: SYNCS.ARRIVE, UBLKCP.G.S, UBLKRED or UBLKPF, and between them their waits.
#include "clock.cuh"
#include "mbarrier.cuh"
#include "tma.cuh"

#ifndef BYTES
#define BYTES 128
#endif

extern __shared__ __align__(1024) unsigned char boxed[];  // BYTES, then the barrier

__device__ __forceinline__ void once(u64 memory, unsigned at, unsigned barrier, unsigned parity) {
#if defined(FUNCTION_MBARRIER)
    mbarrier_arrive(barrier);
    mbarrier_wait(barrier, parity);
#elif defined(FUNCTION_PREFETCH)
    bulk_prefetch(memory, BYTES);
#else
#if defined(FUNCTION_REDUCE_READ) || defined(FUNCTION_REDUCE_DONE)
    bulk_add(memory, at, BYTES);
#else
    bulk_store(memory, at, BYTES);
#endif
    bulk_commit();
#if defined(FUNCTION_REDUCE_READ) || defined(FUNCTION_STORE_READ)
    bulk_wait_read<0>();
#else
    bulk_wait<0>();
#endif
#endif
}

// `rounds` is a positive multiple of 4. The box holds seed + its words' numbers. A warp.
extern "C" __global__ void probe(u64 memory, unsigned seed, unsigned rounds, Stamp* out) {
    const unsigned at = shared_address(boxed), barrier = at + BYTES;
    for (unsigned i = threadIdx.x; i < BYTES / 4; i += 32) ((unsigned*)boxed)[i] = seed + i;
    proxy_fence();
    __syncwarp();
    if (!elected()) return;
    mbarrier_init(barrier, 1);
    mbarrier_init_done();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(rounds);
#pragma unroll 1
    for (unsigned i = 0; i < rounds; i += 4) {
#pragma unroll
        for (int j = 0; j < 4; ++j) once(memory, at, barrier, j & 1);
    }
    const u64 c1 = clock_now();  // a warp issues in order: behind the last wait, if there is one
    const u64 g1 = globaltimer_now();
    bulk_wait<0>();
    *out = Stamp{c0, c1, g0, g1, rounds, smid(), 0};
}
