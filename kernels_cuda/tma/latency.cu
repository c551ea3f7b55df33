// Measures: cycles of one thread that follows addresses through global memory, each brought by METHOD, then read.
// Could fool it: a copy that was not awaited (the next address comes out of what it brought); boxes half in a cache.
// SASS: 4 dependent hops per iteration: LDG, LDGSTS, UBLKCP or UTMALDG, each with its wait, and an LDS.64 where it lands.
#include "clock.cuh"
#include "permutation.cuh"

#if defined(METHOD_CP_ASYNC)
#include "cp_async.cuh"
#elif !defined(METHOD_PLAIN) && !defined(METHOD_STAGED)
#include "mbarrier.cuh"
#include "tma.cuh"
#define BY_TMA
#endif

#ifndef BYTES
#define BYTES 128
#endif

extern __shared__ __align__(1024) unsigned char landed[];  // BYTES, then the barrier

#ifdef METHOD_TENSOR
__constant__ __align__(128) u64 tensor_map[16];
#endif

__device__ __forceinline__ u64 read_landed(unsigned at) {
    u64 next;  // a coordinate is 32 bits with zeros behind it
    asm volatile("ld.volatile.shared.u64 %0, [%1];" : "=l"(next) : "r"(at) : "memory");
    return next;
}

// The next address or coordinate. `parity` alternates from hop to hop.
__device__ __forceinline__ u64 hop(u64 p, unsigned at, unsigned barrier, unsigned parity) {
#if defined(METHOD_PLAIN)
    asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
    return p;
#elif defined(METHOD_STAGED)
    asm volatile("ld.global.cg.u64 %0, [%0];" : "+l"(p)::"memory");
    asm volatile("st.volatile.shared.u64 [%0], %1;" ::"r"(at), "l"(p) : "memory");
    return read_landed(at);
#elif defined(METHOD_CP_ASYNC)
    copy_async(at, p);
    copy_commit();
    copy_wait<0>();
    return read_landed(at);
#else
    mbarrier_arrive_expect(barrier, BYTES);
#ifdef METHOD_TENSOR
    TENSOR(load)(at, tensor_map, (int)p, barrier);
#else
    bulk_load(at, p, BYTES, barrier);
#endif
    mbarrier_wait(barrier, parity);
    return read_landed(at);
#endif
}

// Asks for the places of the coming walk to be brought to L2, and gives them time to come.
__device__ __forceinline__ void announce(u64 origin, unsigned scale, unsigned n, unsigned half_bits, unsigned first,
                                         unsigned hops) {
#ifdef METHOD_PREFETCHED
#pragma unroll 1
    for (unsigned i = 0; i < hops; ++i)
        bulk_prefetch(origin + (u64)permuted((unsigned)(((u64)first + i) % n), n, half_bits) * scale, BYTES);
    const u64 begun = globaltimer_now();
    while (globaltimer_now() - begun < 100000) {}
#endif
}

// `brief` and `hops`, one stretch after the other, are positive multiples of 4. The ring is that of permutation.cuh: its place k lies at origin + permuted(k) * scale, an
// address, or a coordinate. Block b walks from place `first` + b * `apart` on, with one thread of its warp, and writes out[b].
extern "C" __global__ void probe(u64 origin, unsigned scale, unsigned n, unsigned half_bits, unsigned first,
                                 unsigned apart, unsigned brief, unsigned hops, Stamp* out) {
#ifdef BY_TMA
    if (!elected()) return;
#else
    if (threadIdx.x) return;
#endif
    const unsigned at = (unsigned)__cvta_generic_to_shared(landed), barrier = at + BYTES;
    first = (unsigned)((first + (u64)blockIdx.x * apart) % n);
    u64 p = origin + (u64)permuted(first, n, half_bits) * scale;
    announce(origin, scale, n, half_bits, first, brief + hops + 2);
#ifdef BY_TMA
    mbarrier_init(barrier, 1);
    mbarrier_init_done();
#endif
    p = hop(p, at, barrier, 0);  // the tensor map and the code are fetched before the clock starts
    p = hop(p, at, barrier, 1);
    Stamp stretch{};
#pragma unroll 1
    for (unsigned part = 0; part < 2; ++part) {
        stretch.brief = (unsigned)(stretch.c1 - stretch.c0);
        const unsigned length = part ? hops : brief;
        stretch.g0 = globaltimer_now();
        stretch.c0 = clock_after(p + threadIdx.x);  // not the same in all threads: else sm_120 reads the uniform clock
#pragma unroll 1
        for (unsigned i = 0; i < length; i += 4) {
#pragma unroll
            for (int j = 0; j < 4; ++j) p = hop(p, at, barrier, j & 1);
        }
        stretch.c1 = clock_after(p + threadIdx.x);
        stretch.g1 = globaltimer_now();
    }
    stretch.result = p;
    stretch.smid = smid();
    out[blockIdx.x] = stretch;
}
