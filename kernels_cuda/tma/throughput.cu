// Measures: bytes per second that all SMs move by bulk copies, STAGES boxes of BYTES under way in each block.
// Could fool it: boxes that the copies never brought (an untimed launch sums every one); memory that a cache holds.
// SASS: one copy per iteration: UBLKCP, UBLKRED, UTMALDG, UTMASTG or UTMAREDG, issued by one thread without a branch.
#ifndef BYTES
#define BYTES 16384
#endif
#ifndef STAGES
#define STAGES 4
#endif
#include "boxes.cuh"

#ifdef PATTERN_MULTICAST
// Every block of a cluster brings its share of each box to all of them. A slot is filled again when all have done
// with it: each tells each.
#define SHARE (BYTES / CLUSTER_SIZE)

__device__ __forceinline__ unsigned rank_in_cluster() {
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

__device__ __forceinline__ void cluster_barrier() {
    asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

__device__ __forceinline__ unsigned free_at(unsigned slot) { return full_at(STAGES + slot); }

__device__ __forceinline__ void share_box(Boxes boxes, unsigned box, unsigned slot, unsigned rank) {
    const unsigned short everyone = (1u << CLUSTER_SIZE) - 1;
    const unsigned part = rank * SHARE;
    mbarrier_arrive_expect(full_at(slot), BYTES);
#ifdef FORM_TENSOR  // the boxes of the map are shares
    const int place = (int)(((box & boxes.mask) * CLUSTER_SIZE + rank) * boxes.outer);
    TENSOR(multicast)(box_at(slot) + part, tensor_map, place, full_at(slot), everyone);
#else
    bulk_multicast(box_at(slot) + part, boxes.address(box) + part, SHARE, full_at(slot), everyone);
#endif
}

__device__ __forceinline__ void stream_shared(Boxes boxes, unsigned first, unsigned step, unsigned count, u64 sums,
                                              bool check) {
    const unsigned rank = rank_in_cluster(), ahead = count < STAGES ? count : STAGES;
    unsigned box = first;
#pragma unroll 1
    for (unsigned slot = 0; slot < ahead; ++slot, box += step) share_box(boxes, box, slot, rank);
    Slot slot;
#pragma unroll 1
    for (unsigned i = ahead; i < count; ++i, box += step, slot.next()) {
        mbarrier_wait(full_at(slot.at), slot.parity);
        if (check) sum_box(sums, slot.at);
#pragma unroll
        for (unsigned other = 0; other < CLUSTER_SIZE; ++other) mbarrier_arrive_at(free_at(slot.at), other);
        mbarrier_wait(free_at(slot.at), slot.parity);
        share_box(boxes, box, slot.at, rank);
    }
#pragma unroll 1
    for (unsigned i = 0; i < ahead; ++i, slot.next()) {
        mbarrier_wait(full_at(slot.at), slot.parity);
        if (check) sum_box(sums, slot.at);
    }
    if (check) bulk_wait<0>();
}
#endif

#if defined(PATTERN_STORE) || defined(PATTERN_REDUCE)
// Word `at` of the slot from which a block stores; support/boxes.cu expects it so.
__device__ __forceinline__ void fill_ring(unsigned seed) {
    for (unsigned at = threadIdx.x; at < STAGES * BYTES / 4; at += blockDim.x)
        ((unsigned*)ring)[at] = (seed + blockIdx.x * 0x9e3779b9u + at * 0x85ebca6bu) * 0xc2b2ae35u;
    proxy_fence();
    __syncthreads();
}

__device__ __forceinline__ void stream_out(Boxes boxes, unsigned first, unsigned step, unsigned count) {
    unsigned slot = 0;
#pragma unroll 1
    for (unsigned i = 0, box = first; i < count; ++i, box += step) {
#ifdef PATTERN_REDUCE
        add_box(boxes, box, slot);
#else
        store_box(boxes, box, slot);
#endif
        bulk_wait_read<STAGES - 1>();
        if (++slot == STAGES) slot = 0;
    }
    bulk_wait<0>();
}
#endif

// Boxes first to first + count of `memory`, in turn by block (by cluster). `check`: the sums gain what arrived.
// Whole warps: 32 threads, or 128 to fill the ring.
#ifdef PATTERN_MULTICAST
#define IN_CLUSTERS __cluster_dims__(CLUSTER_SIZE, 1, 1)
#else
#define IN_CLUSTERS
#endif
extern "C" __global__ void IN_CLUSTERS probe(u64 memory, unsigned outer, unsigned mask, unsigned first, unsigned count,
                                             unsigned seed, unsigned check, u64 sums) {
    const Boxes boxes{memory, outer, mask};
#if defined(PATTERN_STORE) || defined(PATTERN_REDUCE)
    fill_ring(seed);
    if (threadIdx.x >= 32 || !elected()) return;
    const unsigned rounds = (count - blockIdx.x + gridDim.x - 1) / gridDim.x;
    stream_out(boxes, first + blockIdx.x, gridDim.x, rounds);
#elif defined(PATTERN_MULTICAST)
    const bool one = elected();
    if (one) {
#pragma unroll 1
        for (unsigned slot = 0; slot < STAGES; ++slot) {
            mbarrier_init(full_at(slot), 1);
            mbarrier_init(free_at(slot), CLUSTER_SIZE);
        }
        mbarrier_init_done();
    }
    __syncwarp();
    cluster_barrier();
    const unsigned cluster = blockIdx.x / CLUSTER_SIZE, clusters = gridDim.x / CLUSTER_SIZE;
    const unsigned rounds = (count - cluster + clusters - 1) / clusters;
    if (one) stream_shared(boxes, first + cluster, clusters, rounds, own_sums(sums), check);
    __syncwarp();
    cluster_barrier();
#else
    if (!elected()) return;
#if defined(FORM_TENSOR) || defined(FORM_IM2COL)
    tensor_ready(tensor_map);
#endif
#pragma unroll 1
    for (unsigned slot = 0; slot < STAGES; ++slot) mbarrier_init(full_at(slot), 1);
    mbarrier_init_done();
    const unsigned rounds = (count - blockIdx.x + gridDim.x - 1) / gridDim.x;
    stream_in(boxes, first + blockIdx.x, gridDim.x, rounds, own_sums(sums), check);
#endif
}
