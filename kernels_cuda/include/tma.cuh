// Bulk copies between global and shared memory, plain and by tensor map (PTX ISA, "cp.async.bulk"; sm_90 and later).
//
// Shared addresses are 16-byte aligned for plain copies, 128-byte aligned for tensor maps; sizes are multiples of 16.
// Loads complete on an mbarrier, in bytes. Stores and reductions complete in groups of the thread that issued them.
// Data written to shared memory by ordinary stores needs `proxy_fence` before a copy reads it.
#pragma once

typedef unsigned long long u64;

__device__ __forceinline__ void proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// True in one thread of a full warp. Around a copy it tells the compiler that one thread issues it: without it the
// machine code holds a loop over all threads that might.
__device__ __forceinline__ bool elected() {
    unsigned yes;
    asm volatile("{\n\t.reg .pred one;\n\telect.sync _|one, 0xffffffff;\n\tselp.u32 %0, 1, 0, one;\n\t}" : "=r"(yes));
    return yes;
}

// Plain copies

__device__ __forceinline__ void bulk_load(unsigned to, u64 from, unsigned bytes, unsigned barrier) {
    asm volatile("cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
                 "l"(from), "r"(bytes), "r"(barrier)
                 : "memory");
}

__device__ __forceinline__ void bulk_load_hinted(unsigned to, u64 from, unsigned bytes, unsigned barrier, u64 policy) {
    asm volatile(
        "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::
            "r"(to),
        "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
        : "memory");
}

// To the same place in every block of the cluster whose bit in `blocks` is set; each block's own barrier counts.
__device__ __forceinline__ void bulk_multicast(unsigned to, u64 from, unsigned bytes, unsigned barrier,
                                               unsigned short blocks) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1], %2, [%3], "
        "%4;" ::"r"(to),
        "l"(from), "r"(bytes), "r"(barrier), "h"(blocks)
        : "memory");
}

__device__ __forceinline__ void bulk_store(u64 to, unsigned from, unsigned bytes) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(to), "r"(from), "r"(bytes)
                 : "memory");
}

__device__ __forceinline__ void bulk_store_hinted(u64 to, unsigned from, unsigned bytes, u64 policy) {
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group.L2::cache_hint [%0], [%1], %2, %3;" ::"l"(to), "r"(from),
                 "r"(bytes), "l"(policy)
                 : "memory");
}

// Adds 32-bit words.
__device__ __forceinline__ void bulk_add(u64 to, unsigned from, unsigned bytes) {
    asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%0], [%1], %2;" ::"l"(to), "r"(from),
                 "r"(bytes)
                 : "memory");
}

__device__ __forceinline__ void bulk_prefetch(u64 from, unsigned bytes) {
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(from), "r"(bytes) : "memory");
}

__device__ __forceinline__ void bulk_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }

// Until at most N groups of this thread still read shared memory.
template <int N>
__device__ __forceinline__ void bulk_wait_read() {
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(N) : "memory");
}

// Until at most N groups of this thread are not complete.
template <int N>
__device__ __forceinline__ void bulk_wait() {
    asm volatile("cp.async.bulk.wait_group %0;" ::"n"(N) : "memory");
}

__device__ __forceinline__ u64 evict_first() {
    u64 policy;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    return policy;
}

// Copies by tensor map. `at` is the coordinate along the outermost dimension; the inner ones are 0.

#define TENSOR_PLACE_1 "{%1}"
#define TENSOR_PLACE_2 "{0, %1}"
#define TENSOR_PLACE_3 "{0, 0, %1}"
#define TENSOR_PLACE_4 "{0, 0, 0, %1}"
#define TENSOR_PLACE_5 "{0, 0, 0, 0, %1}"

__device__ __forceinline__ void tensor_ready(const void* map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"((u64)map) : "memory");
}

#define TENSOR_OPERATIONS(D)                                                                                       \
    __device__ __forceinline__ void tensor_load_##D(unsigned to, const void* map, int at, unsigned barrier) {      \
        asm volatile("cp.async.bulk.tensor." #D                                                                    \
                     "d.shared::cta.global.mbarrier::complete_tx::bytes [%2], [%0, " TENSOR_PLACE_##D          \
                     "], [%3];" ::"l"((u64)map),                                                                   \
                     "r"(at), "r"(to), "r"(barrier)                                                                \
                     : "memory");                                                                                  \
    }                                                                                                              \
    __device__ __forceinline__ void tensor_multicast_##D(unsigned to, const void* map, int at, unsigned barrier,   \
                                                         unsigned short blocks) {                                  \
        asm volatile("cp.async.bulk.tensor." #D                                                                    \
                     "d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%2], "             \
                     "[%0, " TENSOR_PLACE_##D "], [%3], %4;" ::"l"((u64)map),                                      \
                     "r"(at), "r"(to), "r"(barrier), "h"(blocks)                                                   \
                     : "memory");                                                                                  \
    }                                                                                                              \
    __device__ __forceinline__ void tensor_store_##D(const void* map, int at, unsigned from) {                     \
        asm volatile("cp.async.bulk.tensor." #D "d.global.shared::cta.tile.bulk_group [%0, " TENSOR_PLACE_##D      \
                     "], [%2];" ::"l"((u64)map),                                                                   \
                     "r"(at), "r"(from)                                                                            \
                     : "memory");                                                                                  \
    }                                                                                                              \
    __device__ __forceinline__ void tensor_add_##D(const void* map, int at, unsigned from) {                       \
        asm volatile("cp.reduce.async.bulk.tensor." #D "d.global.shared::cta.add.tile.bulk_group [%0, "            \
                     TENSOR_PLACE_##D "], [%2];" ::"l"((u64)map),                                                  \
                     "r"(at), "r"(from)                                                                            \
                     : "memory");                                                                                  \
    }                                                                                                              \
    __device__ __forceinline__ void tensor_prefetch_##D(const void* map, int at) {                                 \
        asm volatile("cp.async.bulk.prefetch.tensor." #D "d.L2.global.tile [%0, " TENSOR_PLACE_##D "];" ::"l"(     \
                         (u64)map),                                                                                \
                     "r"(at)                                                                                       \
                     : "memory");                                                                                  \
    }

TENSOR_OPERATIONS(1)
TENSOR_OPERATIONS(2)
TENSOR_OPERATIONS(3)
TENSOR_OPERATIONS(4)
TENSOR_OPERATIONS(5)

// Columns of pixels of images (im2col), channels innermost. `w`, `h`, `d`: the first pixel, before the offset of the filter
// is added, which is the same in every dimension; `n`: the image.
__device__ __forceinline__ void image_load_3(unsigned to, const void* map, int w, int, int, int n, unsigned short offset,
                                             unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.3d.shared::cta.global.im2col.mbarrier::complete_tx::bytes [%0], "
                 "[%1, {0, %2, %3}], [%4], {%5};" ::"r"(to),
                 "l"((u64)map), "r"(w), "r"(n), "r"(barrier), "h"(offset)
                 : "memory");
}

__device__ __forceinline__ void image_load_4(unsigned to, const void* map, int w, int h, int, int n,
                                             unsigned short offset, unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.4d.shared::cta.global.im2col.mbarrier::complete_tx::bytes [%0], "
                 "[%1, {0, %2, %3, %4}], [%5], {%6, %6};" ::"r"(to),
                 "l"((u64)map), "r"(w), "r"(h), "r"(n), "r"(barrier), "h"(offset)
                 : "memory");
}

__device__ __forceinline__ void image_load_5(unsigned to, const void* map, int w, int h, int d, int n,
                                             unsigned short offset, unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.5d.shared::cta.global.im2col.mbarrier::complete_tx::bytes [%0], "
                 "[%1, {0, %2, %3, %4, %5}], [%6], {%7, %7, %7};" ::"r"(to),
                 "l"((u64)map), "r"(w), "r"(h), "r"(d), "r"(n), "r"(barrier), "h"(offset)
                 : "memory");
}

// tensor_load_3 and so on by the macro DIMS.
#define TENSOR_NAME(operation, dims) operation##_##dims
#define TENSOR_OF(operation, dims) TENSOR_NAME(operation, dims)
#define TENSOR(operation) TENSOR_OF(tensor_##operation, DIMS)
#define IMAGE_LOAD TENSOR_OF(image_load, DIMS)
