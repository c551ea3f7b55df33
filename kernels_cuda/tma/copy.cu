// Measures: a copy within DRAM by bulk loads into shared memory and bulk stores out of it, no thread touching a byte.
// Could fool it: stores that were not complete at the end (they are awaited); arrays that L2 holds.
// SASS: one UBLKCP.S.G and one UBLKCP.G.S per iteration, issued by one thread without a branch.
#ifndef BLOCK
#define BLOCK 16384
#endif
#define BYTES BLOCK
#ifndef STAGES
#define STAGES 4
#endif
#include "boxes.cuh"

#define BEHIND (STAGES / 2)  // stores that may still read their slot; the other slots have loads under way

__device__ __forceinline__ void fetch(u64 source, unsigned box, unsigned slot, u64 policy) {
    mbarrier_arrive_expect(full_at(slot), BYTES);
#ifdef FORM_EVICT_FIRST
    bulk_load_hinted(box_at(slot), source + (u64)box * BYTES, BYTES, full_at(slot), policy);
#else
    bulk_load(box_at(slot), source + (u64)box * BYTES, BYTES, full_at(slot));
#endif
}

__device__ __forceinline__ void pass_on(u64 target, unsigned box, const Slot& slot, u64 policy) {
    mbarrier_wait(full_at(slot.at), slot.parity);
#ifdef FORM_EVICT_FIRST
    bulk_store_hinted(target + (u64)box * BYTES, box_at(slot.at), BYTES, policy);
#else
    bulk_store(target + (u64)box * BYTES, box_at(slot.at), BYTES);
#endif
    bulk_commit();
}

// `boxes` of BYTES, in turn by block, at least STAGES for each of them. A warp per block.
extern "C" __global__ void probe(u64 target, u64 source, unsigned boxes) {
    if (!elected()) return;
#ifdef FORM_EVICT_FIRST
    const u64 policy = evict_first();
#else
    const u64 policy = 0;
#endif
#pragma unroll 1
    for (unsigned slot = 0; slot < STAGES; ++slot) mbarrier_init(full_at(slot), 1);
    mbarrier_init_done();
    const unsigned count = (boxes - blockIdx.x + gridDim.x - 1) / gridDim.x, step = gridDim.x;
    unsigned loaded = blockIdx.x, stored = blockIdx.x, i = 0, refilled = 0;
#pragma unroll 1
    for (unsigned slot = 0; slot < STAGES; ++slot, loaded += step) fetch(source, loaded, slot, policy);
    Slot slot;
#pragma unroll 1
    for (; i < BEHIND; ++i, stored += step, slot.next()) pass_on(target, stored, slot, policy);
#pragma unroll 1
    for (; i < count - STAGES + BEHIND; ++i, stored += step, loaded += step, slot.next()) {
        pass_on(target, stored, slot, policy);
        bulk_wait_read<BEHIND>();
        fetch(source, loaded, refilled, policy);
        if (++refilled == STAGES) refilled = 0;
    }
#pragma unroll 1
    for (; i < count; ++i, stored += step, slot.next()) pass_on(target, stored, slot, policy);
    bulk_wait<0>();
}
