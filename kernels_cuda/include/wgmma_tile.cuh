// Operands of wgmma.cuh in shared memory: canonical K-major layouts and their descriptors (PTX ISA, "Asynchronous
// warpgroup level matrix shared memory layout").
//
// The host gives rows of K: 64 rows of A per warpgroup, N rows of B. Each row holds SLICES times what an instruction
// takes. In shared memory rows are cut into pieces of as many bytes as are swizzled (16 without), all rows of a piece
// lie one behind the other, and the bits 4 to 6 of an address are turned by its bits 7 to 9 (by fewer for 32 and 64).
#pragma once

#include "wgmma.cuh"

#define SLICES (SPARSE ? 2 : 4)
#define A_STEP 32
#define B_STEP (SPARSE ? 64 : 32)
#define A_ROW (SLICES * A_STEP)
#define B_ROW (SLICES * B_STEP)
#define A_TILE (64 * 128)
#define PIECE (SWIZZLE ? SWIZZLE : 16)
#define SWIZZLE_CODE (SWIZZLE == 128 ? 1 : SWIZZLE == 64 ? 2 : SWIZZLE == 32 ? 3 : 0)

extern __shared__ __align__(1024) unsigned char tiles[];  // a tile of A for each warpgroup, then B

// Where 16 bytes of a tile of `rows` rows lie.
__device__ __forceinline__ unsigned place(unsigned row, unsigned column, unsigned rows) {
    const unsigned at = column / PIECE * rows * PIECE + row * PIECE + column % PIECE;
    return SWIZZLE ? at ^ ((at >> 7 & (PIECE / 16 - 1)) << 4) : at;
}

__device__ __forceinline__ void stage_tile(unsigned char* tile, const uint4* from, unsigned rows, unsigned row_bytes) {
    const unsigned chunks = row_bytes / 16;
#pragma unroll 1
    for (unsigned i = threadIdx.x; i < rows * chunks; i += blockDim.x)
        *(uint4*)(tile + place(i / chunks, i % chunks * 16, rows)) = from[i];
}

// All threads copy the operands; afterwards the tensor cores may read them.
__device__ __forceinline__ void stage(const uint4* a, const uint4* b) {
    const unsigned warpgroups = blockDim.x / 128;
#if !defined(SOURCE_RS)
#pragma unroll 1
    for (unsigned g = 0; g < warpgroups; ++g) stage_tile(tiles + g * A_TILE, a + g * (64 * A_ROW / 16), 64, A_ROW);
#endif
    stage_tile(tiles + warpgroups * A_TILE, b, N, B_ROW);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
}

// A step of a tile: its address, the bytes from one 16-byte column to the next (meant without swizzle alone) and from
// 8 rows to the next 8, and the swizzle.
__device__ __forceinline__ u64 descriptor(unsigned tile, unsigned column, unsigned rows) {
    const unsigned at = tile + column / PIECE * rows * PIECE + column % PIECE;
    const unsigned leading = SWIZZLE ? 1 : rows, stride = 8 * PIECE / 16;
    // The shuffle tells the compiler that the warp agrees, and keeps it from computing this in the timed loop.
    const unsigned low = __shfl_sync(~0u, (at >> 4 & 0x3fff) | leading << 16, 0);
    return low | (u64)(stride | (unsigned)SWIZZLE_CODE << 30) << 32;
}

// What the instructions of a thread read: one entry per slice.
struct Operands {
    OperandA a[SLICES];
    u64 b[SLICES];
    unsigned meta[SLICES];
};

__device__ __forceinline__ Operands operands(const uint4* a, const unsigned* meta) {
    const unsigned base = (unsigned)__cvta_generic_to_shared(tiles);
    Operands found;
#pragma unroll
    for (int s = 0; s < SLICES; ++s) {
#if defined(SOURCE_RS)
        const unsigned lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane / 4;
        const unsigned* words = (const unsigned*)a + row * (A_ROW / 4) + s * (A_STEP / 4) + lane % 4;
        found.a[s] = make_uint4(words[0], words[8 * A_ROW / 4], words[4], words[8 * A_ROW / 4 + 4]);
#else
        found.a[s] = descriptor(base + threadIdx.x / 128 * A_TILE, s * A_STEP, 64);
#endif
        found.b[s] = descriptor(base + blockDim.x / 128 * A_TILE, s * B_STEP, N);
        found.meta[s] = SPARSE ? meta[(threadIdx.x / 128 * SLICES + s) * 128 + threadIdx.x % 128] : 0;
    }
    return found;
}
