// Measures: bytes per second with IN_FLIGHT bytes under way per SM: what has come is replaced at once, the UNROLL plain
// loads of a thread together. Could fool it: bytes that L1 serves (all methods go past it).
// SASS: UNROLL of LDG.E.STRONG.GPU (.64, .128 by VECTOR) or LDGSTS per iteration, or one UBLKCP or UTMALDG.
#ifndef UNROLL
#define UNROLL 4
#endif
#ifndef VECTOR
#define VECTOR 16
#endif
#ifndef IN_FLIGHT
#define IN_FLIGHT 65536
#endif

typedef unsigned long long u64;

#if defined(METHOD_BULK) || defined(METHOD_TENSOR)
#define BYTES (IN_FLIGHT / UNROLL)
#define STAGES UNROLL
#ifdef METHOD_TENSOR
#define FORM_TENSOR
#define DIMS 2
#endif
#include "boxes.cuh"

// Boxes first to first + count of `memory`, in turn by block, one block of one warp per SM.
extern "C" __global__ void probe(u64 memory, unsigned outer, unsigned mask, unsigned first, unsigned count,
                                 unsigned seed, unsigned check, u64 sums) {
    if (!elected()) return;
#pragma unroll 1
    for (unsigned slot = 0; slot < STAGES; ++slot) mbarrier_init(full_at(slot), 1);
    mbarrier_init_done();
    const unsigned rounds = (count - blockIdx.x + gridDim.x - 1) / gridDim.x;
    stream_in(Boxes{memory, outer, mask}, first + blockIdx.x, gridDim.x, rounds, own_sums(sums), check);
}
#else

__device__ __forceinline__ unsigned folded(uint4 v) { return v.x + v.y + v.z + v.w; }

#ifdef METHOD_CP_ASYNC
#include "cp_async.cuh"
extern __shared__ __align__(16) uint4 landed[];

// What thread `threadIdx.x` has in its slot j.
struct Flight {
    unsigned at[UNROLL];

    __device__ __forceinline__ void start(int j, u64 from) {
        at[j] = (unsigned)__cvta_generic_to_shared(landed + j * blockDim.x + threadIdx.x);
        copy_async(at[j], from);
        copy_commit();
    }
    template <int N>
    __device__ __forceinline__ unsigned finish(int j) {
        uint4 v;
        copy_wait<N>();
        asm volatile("ld.volatile.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
                     : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                     : "r"(at[j])
                     : "memory");
        return folded(v);
    }
};
#else
struct Flight {
    uint4 v[UNROLL];  // the words behind VECTOR bytes are 0

    __device__ __forceinline__ void start(int j, u64 from) {
        v[j] = uint4{0, 0, 0, 0};
#if VECTOR == 16
        asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3}, [%4];"
                     : "=r"(v[j].x), "=r"(v[j].y), "=r"(v[j].z), "=r"(v[j].w)
                     : "l"(from));
#elif VECTOR == 8
        asm volatile("ld.global.cg.v2.u32 {%0,%1}, [%2];" : "=r"(v[j].x), "=r"(v[j].y) : "l"(from));
#else
        asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(v[j].x) : "l"(from));
#endif
    }
    template <int N>
    __device__ __forceinline__ unsigned finish(int j) {
        return folded(v[j]);
    }
};
#endif

// Every thread reads `rounds` (a multiple of UNROLL) vectors of VECTOR bytes, all threads side by side, from vector `first`
// on; behind the last, whose number is `mask`, the first comes again.
extern "C" __global__ void probe(u64 memory, unsigned mask, unsigned first, unsigned rounds, unsigned* sums) {
    const unsigned threads = gridDim.x * blockDim.x, thread = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned next = first + thread, total = 0;
    Flight flight;
#pragma unroll
    for (int j = 0; j < UNROLL; ++j, next += threads) flight.start(j, memory + (u64)(next & mask) * VECTOR);
#pragma unroll 1
    for (unsigned i = UNROLL; i < rounds; i += UNROLL) {
#pragma unroll
        for (int j = 0; j < UNROLL; ++j, next += threads) {
            total += flight.finish<UNROLL - 1>(j);
            flight.start(j, memory + (u64)(next & mask) * VECTOR);
        }
    }
#pragma unroll
    for (int j = 0; j < UNROLL; ++j) total += flight.finish<0>(j);
    sums[thread] = total;
}
#endif
