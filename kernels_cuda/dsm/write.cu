// Measures: bytes per clock that the SMs of clusters write into each other's shared memory: by stores, st.async, bulk
// copies.
// Could fool it: writes still under way at the end (each lap ends with a barrier of the cluster, or when the mbarrier
// has counted every byte); a write that went elsewhere (what each block holds at the end is summed up and compared).
// SASS: UNROLL ST (.64, .128) or STAS per iteration, or one UBLKCP.S.S.
#include "clock.cuh"
#include "cluster.cuh"

#define UNROLL 4
#define SLOTS 16  // of an inbox, one for each rank that may write
#define THREADS 512

#if defined(FUNCTION_BULK)
#define SLOT BYTES
#else
#define SLOT (THREADS * BYTES)
#endif

extern __shared__ __align__(128) unsigned char inbox[];  // SLOTS of SLOT bytes, what a bulk copy sends, the mbarrier

// What a block writes to a place: the same in every round of a lap, as no order holds between writes of two warps.
__device__ __forceinline__ unsigned mixed(unsigned block, unsigned place, unsigned seed) {
    return (block * 0x9e3779b1u + place * 0x85ebca6bu) ^ seed;
}

// The rank that a warp writes to in one round; runners/cluster_writes.py has the same.
__device__ __forceinline__ unsigned target(unsigned rank, unsigned size, unsigned warp, unsigned round) {
#if defined(PATTERN_PAIR)
    return rank ^ 1;
#elif defined(PATTERN_RING)
    return rank + 1 == size ? 0 : rank + 1;
#elif defined(PATTERN_ALL_TO_ONE)
    return 0;
#else
    const unsigned hop = 1 + (warp + round) % (size - 1);
    return rank + hop >= size ? rank + hop - size : rank + hop;
#endif
}

__device__ __forceinline__ void write(unsigned to, unsigned value, unsigned barrier) {
#if defined(FUNCTION_STORE) && BYTES == 16
    asm volatile("st.shared::cluster.v4.u32 [%0], {%1,%1,%1,%1};" ::"r"(to), "r"(value) : "memory");
#elif defined(FUNCTION_STORE) && BYTES == 8
    asm volatile("st.shared::cluster.v2.u32 [%0], {%1,%1};" ::"r"(to), "r"(value) : "memory");
#elif defined(FUNCTION_STORE)
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(to), "r"(value) : "memory");
#elif BYTES == 16
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.u32 [%0], {%1,%1,%1,%1}, [%2];" ::"r"(to),
                 "r"(value), "r"(barrier)
                 : "memory");
#elif BYTES == 8
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.u32 [%0], {%1,%1}, [%2];" ::"r"(to),
                 "r"(value), "r"(barrier)
                 : "memory");
#else
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], %1, [%2];" ::"r"(to), "r"(value),
                 "r"(barrier)
                 : "memory");
#endif
}

__device__ __forceinline__ void expect(unsigned barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}

__device__ __forceinline__ void wait(unsigned barrier, unsigned parity) {
    asm volatile(
        "{\n\t.reg .pred done;\n"
        "again:\n\tmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [%0], %1;\n\t"
        "@!done bra again;\n\t}" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

// `laps` of `rounds` (a multiple of UNROLL). In a round, each thread writes one place of its rank's slot in another
// block's inbox, in four rounds four places: of stores to one the assembler leaves the last. By bulk copies, one thread
// of the block fills that slot. A block receives `received` bytes a lap from those that write, less than 2^20.
// sums[block * THREADS + thread]: its words of the whole inbox, and the laps and rounds that it went through.
extern "C" __global__ void __launch_bounds__(THREADS)
    probe(unsigned seed, unsigned laps, unsigned rounds, unsigned received, unsigned* sums, Stamp* out) {
    const unsigned rank = cluster_rank(), size = cluster_size(), thread = threadIdx.x, warp = thread / 32;
    const unsigned own = shared_address(inbox), outbox = own + SLOTS * SLOT, barrier = outbox + SLOT;
    unsigned* const words = (unsigned*)inbox;
    for (unsigned i = thread; i < SLOTS * SLOT / 4; i += THREADS) words[i] = 0;
    for (unsigned i = thread; i < SLOT / 4; i += THREADS) words[SLOTS * SLOT / 4 + i] = mixed(blockIdx.x, i, seed);
    if (thread == 0) {
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barrier) : "memory");
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#if defined(PATTERN_ALL_TO_ONE)
    const bool writes = rank != 0, receives = rank == 0;
#elif defined(PATTERN_BROADCAST)
    const bool writes = rank == 0, receives = rank != 0;
#else
    const bool writes = true, receives = true;
#endif
    cluster_sync();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
    unsigned lap = 0, done = 0;
#pragma unroll 1
    for (; lap < laps; ++lap) {
#if !defined(FUNCTION_STORE)
        if (receives && thread == 0) expect(barrier, received);
#endif
        cluster_sync();  // who writes knows that this lap is expected, and that all have done with the last one
#if defined(FUNCTION_BULK)
        if (writes && thread == 0) {
            unsigned round = 0;
#pragma unroll 1
            for (; round < rounds; ++round) {
                const unsigned there = target(rank, size, 0, round);
                asm volatile(
                    "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes"
                    " [%0], [%1], %2, [%3];" ::"r"(mapped(own + rank * SLOT, there)),
                    "r"(outbox), "r"(SLOT), "r"(mapped(barrier, there))
                    : "memory");
            }
            done += round;
        }
#else
        if (writes) {
            unsigned round = 0;
#pragma unroll 1
            for (; round < rounds; round += UNROLL) {
#pragma unroll
                for (unsigned j = 0; j < UNROLL; ++j) {
                    const unsigned there = target(rank, size, warp, round + j);
                    const unsigned place = thread ^ 32 * j;
                    write(mapped(own + rank * SLOT + place * BYTES, there), mixed(blockIdx.x, place, seed + lap),
                          mapped(barrier, there));
                }
            }
            done += round;
        }
#endif
#if !defined(FUNCTION_STORE)
        if (receives) wait(barrier, lap & 1);
#endif
    }
    cluster_sync();
    const u64 c1 = clock_now();
    const u64 g1 = globaltimer_now();
    unsigned sum = lap + done;
    for (unsigned i = thread; i < SLOTS * SLOT / 4; i += THREADS) sum += words[i];
    sums[blockIdx.x * THREADS + thread] = sum;
    if (thread == 0) out[blockIdx.x] = Stamp{c0, c1, g0, g1, writes, smid(), 0};
    cluster_sync();  // no block may leave while another writes to it
}
