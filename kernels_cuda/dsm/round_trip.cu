// Measures: cycles from a signal to another block of the cluster until its answer is seen, by the way that carries
// both.
// Could fool it: an answer seen before its signal (each waits for the number, or the phase, of its round); data that
// did not come along (the last ones are compared); rounds that keep step with the loops that wait for them (each begins
// after another pause, and the clock is read around it alone).
// SASS: one ST, ST.ASYNC, bulk copy or arrival at a remote mbarrier per iteration, in the loop between the clock reads.
#include "clock.cuh"
#include "cluster.cuh"

extern __shared__ __align__(128) unsigned char memory[];  // the mbarrier, the word that is sent, then two buffers

#define BARRIER 0
#define WORD 16
#define BUFFER 128
#define FIRST 4  // rounds that bring the code into the instruction cache

// Has the phase of that parity ended? Waits for a while in hardware.
__device__ __forceinline__ bool ended(unsigned barrier, unsigned parity) {
    unsigned done;
    asm volatile(
        "{\n\t.reg .pred p;\n\t"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n\t"
        "selp.u32 %0, 1, 0, p;\n\t}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
    return done;
}

__device__ __forceinline__ void expect(unsigned barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}

// Signal number `round` (from 1) to the other block.
__device__ __forceinline__ void send(unsigned own, unsigned other, unsigned round, unsigned bytes, unsigned rank) {
#if defined(FUNCTION_STORE)
    asm volatile("st.relaxed.cluster.shared::cluster.u32 [%0], %1;" ::"r"(other + WORD), "r"(round) : "memory");
#elif defined(FUNCTION_ST_ASYNC)
    asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%0], %1, [%2];" ::"r"(other + WORD),
                 "r"(round), "r"(other + BARRIER)
                 : "memory");
#elif defined(FUNCTION_BULK)
    // Rank 0 sends its first buffer to the first of rank 1, which sends that to the second of rank 0.
    asm volatile(
        "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            other + BUFFER + rank * bytes),
        "r"(own + BUFFER), "r"(bytes), "r"(other + BARRIER)
        : "memory");
#elif defined(FUNCTION_ARRIVE_RELAXED)
    asm volatile("mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%0];" ::"r"(other + BARRIER) : "memory");
#else
    asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(other + BARRIER) : "memory");
#endif
}

// Wait for signal number `round`; returns what it carried.
__device__ __forceinline__ unsigned receive(unsigned own, unsigned round, unsigned bytes) {
    unsigned word = round;
#if defined(FUNCTION_STORE)
    do asm volatile("ld.relaxed.cluster.shared::cta.u32 %0, [%1];" : "=r"(word) : "r"(own + WORD) : "memory");
    while (word != round);
#else
    while (!ended(own + BARRIER, (round - 1) & 1)) {}
#if defined(FUNCTION_ST_ASYNC)
    asm volatile("ld.shared::cta.u32 %0, [%1];" : "=r"(word) : "r"(own + WORD) : "memory");
    expect(own + BARRIER, 4);
#elif defined(FUNCTION_BULK)
    expect(own + BARRIER, bytes);
#endif
#endif
    return word;
}

// Pass some cycles, other ones for each `mixed`; returns what only they can make.
__device__ __forceinline__ unsigned pause(unsigned mixed) {
    unsigned x = mixed;
#pragma unroll 1
    for (unsigned left = mixed >> 26; left; --left) asm volatile("mad.lo.u32 %0, %0, %0, 1;" : "+r"(x));
    return x;
}

// Clusters of two blocks, of which number `chosen` works, one thread of each block. `data`: the `bytes` of the buffer;
// `arrived` gets what came back. result: the sum of the words that rank 0 received. c1 - c0: the cycles of all rounds
// but the first ones, without the pauses between them and without what reading the clock twice takes.
extern "C" __global__ void probe(const uint4* data, uint4* arrived, unsigned bytes, unsigned chosen, unsigned rounds,
                                 Stamp* out) {
    if (cluster_id() != chosen) return;
    const unsigned rank = cluster_rank(), own = shared_address(memory), other = mapped(own, rank ^ 1);
    for (unsigned i = threadIdx.x; i < bytes / 16; i += blockDim.x) {
        ((uint4*)(memory + BUFFER))[i] = rank == 0 ? data[i] : make_uint4(0, 0, 0, 0);
        if (rank == 0) ((uint4*)(memory + BUFFER + bytes))[i] = make_uint4(0, 0, 0, 0);
    }
    if (threadIdx.x == 0) {
        *(unsigned*)(memory + WORD) = 0;
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(own + BARRIER) : "memory");
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#if defined(FUNCTION_ST_ASYNC)
        expect(own + BARRIER, 4);
#elif defined(FUNCTION_BULK)
        expect(own + BARRIER, bytes);
#endif
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");  // the bulk copy reads what was just written
    __syncthreads();
    cluster_sync();
    const unsigned last = FIRST + rounds;
    if (threadIdx.x == 0 && rank == 1) {
        receive(own, 1, bytes);
#pragma unroll 1
        for (unsigned round = 1; round < last; ++round) {
            send(own, other, round, bytes, rank);
            receive(own, round + 1, bytes);
        }
        send(own, other, last, bytes, rank);
    } else if (threadIdx.x == 0) {
        u64 sum = 0, spent = 0;
        const u64 g0 = globaltimer_now();
        const u64 c0 = clock_after(sum);
        unsigned mixed = (unsigned)(c0 ^ g0) * 0x9e3779b1u;
#pragma unroll 1
        for (unsigned round = 1; round <= last; ++round) {
            mixed = mixed * 1664525u + 1013904223u;  // Press et al., "Numerical Recipes", 7.1
            const u64 before = clock_after(pause(mixed));
            send(own, other, round, bytes, rank);
            const unsigned word = receive(own, round, bytes);
            const u64 after = clock_after(word);
            const u64 trip = after - before - (clock_after(word) - after);
            if (round > FIRST) spent += trip;
            sum += word;
        }
        const u64 g1 = globaltimer_now();
        *out = Stamp{c0, c0 + spent, g0, g1, sum, smid(), 0};
    }
    __syncthreads();
    cluster_sync();
    if (rank == 0)
        for (unsigned i = threadIdx.x; i < bytes / 16; i += blockDim.x)
            arrived[i] = ((uint4*)(memory + BUFFER + bytes))[i];
}
