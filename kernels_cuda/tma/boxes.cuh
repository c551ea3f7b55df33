// A ring of STAGES boxes of BYTES in shared memory, filled from global memory by copies of one kind.
//
// Box number i of memory is the i-th stretch of BYTES; by tensor map it is the box at coordinate i * outer of the
// outermost dimension, which holds the same bytes. By im2col, boxes are columns of the pixels of images of 32 pixels a side
// and 128 bytes a pixel; where the offset of the filter is 1, its middle, they hold the same bytes again.
#pragma once
#include "mbarrier.cuh"
#include "tma.cuh"

#if defined(FORM_TENSOR) || defined(FORM_IM2COL)
__constant__ __align__(128) u64 tensor_map[16];
#endif

extern __shared__ __align__(1024) unsigned char ring[];  // STAGES boxes, then as many barriers (two rings of them
                                                         // for multicast)

__device__ __forceinline__ unsigned box_at(unsigned slot) { return shared_address(ring) + slot * BYTES; }
__device__ __forceinline__ unsigned full_at(unsigned slot) { return shared_address(ring) + STAGES * BYTES + 8 * slot; }

struct Boxes {
    u64 memory;
    unsigned outer;  // boxes lie that far apart along the outermost dimension of the tensor map; im2col: the offset
    unsigned mask;   // the number of boxes less 1, a mask of bits: behind the last one the first comes again

    __device__ __forceinline__ u64 address(unsigned box) const { return memory + (u64)(box & mask) * BYTES; }
    __device__ __forceinline__ int place(unsigned box) const { return (int)((box & mask) * outer); }
};

__device__ __forceinline__ void load_box(Boxes boxes, unsigned box, unsigned slot) {
    mbarrier_arrive_expect(full_at(slot), BYTES);
#ifdef FORM_TENSOR
    TENSOR(load)(box_at(slot), tensor_map, boxes.place(box), full_at(slot));
#elif defined(FORM_IM2COL)
    const unsigned pixel = (box & boxes.mask) * (BYTES / 128);
    IMAGE_LOAD(box_at(slot), tensor_map, (int)(pixel & 31) - 1, (int)(pixel >> 5 & 31) - 1, (int)(pixel >> 10 & 31) - 1,
               (int)(pixel >> 5 * (DIMS - 2)), (unsigned short)boxes.outer, full_at(slot));
#else
    bulk_load(box_at(slot), boxes.address(box), BYTES, full_at(slot));
#endif
}

__device__ __forceinline__ void store_box(Boxes boxes, unsigned box, unsigned slot) {
#ifdef FORM_TENSOR
    TENSOR(store)(tensor_map, boxes.place(box), box_at(slot));
#else
    bulk_store(boxes.address(box), box_at(slot), BYTES);
#endif
    bulk_commit();
}

__device__ __forceinline__ void add_box(Boxes boxes, unsigned box, unsigned slot) {
#ifdef FORM_TENSOR
    TENSOR(add)(tensor_map, boxes.place(box), box_at(slot));
#else
    bulk_add(boxes.address(box), box_at(slot), BYTES);
#endif
    bulk_commit();
}

// Adds what has landed in a slot to sums, word by word of the box, by a copy that adds: no thread has to read the box.
// Nothing of it runs in a timed launch.
__device__ __forceinline__ void sum_box(u64 sums, unsigned slot) {
    bulk_add(sums, box_at(slot), BYTES);
    bulk_commit();
    bulk_wait_read<0>();
}

#define SUMS 16  // boxes of sums, which blocks use in turn

__device__ __forceinline__ u64 own_sums(u64 sums) { return sums + (u64)(blockIdx.x % SUMS) * BYTES; }

struct Slot {
    unsigned at = 0, parity = 0;

    __device__ __forceinline__ void next() {
        if (++at == STAGES) {
            at = 0;
            parity ^= 1;
        }
    }
};

// Boxes first, first + step, ... (`count` of them) pass through the ring, STAGES under way at any time.
__device__ __forceinline__ void stream_in(Boxes boxes, unsigned first, unsigned step, unsigned count, u64 sums,
                                          bool check) {
    const unsigned ahead = count < STAGES ? count : STAGES;
    unsigned box = first;
#pragma unroll 1
    for (unsigned slot = 0; slot < ahead; ++slot, box += step) load_box(boxes, box, slot);
    Slot slot;
#pragma unroll 1
    for (unsigned i = ahead; i < count; ++i, box += step, slot.next()) {
        mbarrier_wait(full_at(slot.at), slot.parity);
        if (check) sum_box(sums, slot.at);
        load_box(boxes, box, slot.at);
    }
#pragma unroll 1
    for (unsigned i = 0; i < ahead; ++i, slot.next()) {
        mbarrier_wait(full_at(slot.at), slot.parity);
        if (check) sum_box(sums, slot.at);
    }
    if (check) bulk_wait<0>();
}
