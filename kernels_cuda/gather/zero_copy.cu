// Measures: rows of a table that threads read where they lie, in page-locked host memory, and write to the device.
// Could fool it: rows that a cache kept from the launch before (the runner goes through several lists of rows);
// lanes that are not aligned as the method says (the rows are checked, the requests are counted on the host).
// SASS: UNROLL loads of VECTOR bytes per iteration (plain, circular), one (masked, warp_per_row), or one bulk copy in.
#ifndef VECTOR
#define VECTOR 16
#endif
#ifndef UNROLL
#define UNROLL 4
#endif

typedef unsigned long long u64;

#if VECTOR == 16
typedef uint4 Element;
#elif VECTOR == 8
typedef uint2 Element;
#elif VECTOR == 4
typedef unsigned Element;
#elif VECTOR == 2
typedef unsigned short Element;
#else
typedef unsigned char Element;
#endif

__device__ __forceinline__ Element load(const Element* p) {
#if VECTOR <= 2
    unsigned short e;  // the narrowest register of the assembler
#else
    Element e;
#endif
#if VECTOR == 16
    asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(e.x), "=r"(e.y), "=r"(e.z), "=r"(e.w) : "l"(p));
#elif VECTOR == 8
    asm volatile("ld.global.v2.u32 {%0,%1}, [%2];" : "=r"(e.x), "=r"(e.y) : "l"(p));
#elif VECTOR == 4
    asm volatile("ld.global.u32 %0, [%1];" : "=r"(e) : "l"(p));
#elif VECTOR == 2
    asm volatile("ld.global.u16 %0, [%1];" : "=h"(e) : "l"(p));
#else
    asm volatile("ld.global.u8 %0, [%1];" : "=h"(e) : "l"(p));
#endif
    return (Element)e;
}

// Row k is `length` elements from table + order[k] * length on, and goes to gathered + k * length.
#if defined(METHOD_BULK) || defined(METHOD_BULK_LINES)
#include "bulk.cuh"

// Bytes ahead of a row that are copied with it: none, or those from the line's start on.
__device__ __forceinline__ unsigned ahead(const char* row) {
#if defined(METHOD_BULK_LINES)
    return (unsigned)((u64)row % 128);
#else
    return 0;
#endif
}

// Starts the copy of a row, or of all lines that it touches, to `slot`.
__device__ __forceinline__ void fetch(unsigned slot, const char* row, unsigned row_bytes, unsigned barrier) {
    const unsigned before = ahead(row);
#if defined(METHOD_BULK_LINES)
    const unsigned bytes = (before + row_bytes + 127) / 128 * 128;
#else
    const unsigned bytes = row_bytes;
#endif
    barrier_expect(barrier, bytes);
    bulk_load(slot, row - before, bytes, barrier);
}

// Each warp keeps `stages` rows under way in shared memory of its own; its first lane does all of it.
extern "C" __global__ void probe(char* gathered, const char* table, const unsigned* __restrict__ order, unsigned rows,
                                 unsigned row_bytes, unsigned stages) {
    extern __shared__ __align__(128) char staged[];
    const unsigned warp = threadIdx.x / 32, warps = blockDim.x / 32;
#if defined(METHOD_BULK_LINES)
    const unsigned slot = (row_bytes + 112 + 127) / 128 * 128;
#else
    const unsigned slot = (row_bytes + 127) / 128 * 128;
#endif
    const unsigned ring = in_shared(staged) + warp * stages * slot;
    const unsigned barriers = in_shared(staged) + warps * stages * slot + 8 * warp * stages;
    const unsigned first = blockIdx.x * warps + warp, all = gridDim.x * warps;
    if (threadIdx.x % 32 != 0 || first >= rows) return;
    const unsigned mine = (rows - first + all - 1) / all, under_way = min(stages, mine);
    for (unsigned s = 0; s < under_way; ++s) barrier_init(barriers + 8 * s, 1);
    barriers_ready();
#pragma unroll 1
    for (unsigned i = 0; i < under_way; ++i)
        fetch(ring + i * slot, table + (u64)order[first + i * all] * row_bytes, row_bytes, barriers + 8 * i);
    unsigned stage = 0, parity = 0;
    // Row i leaves, and the slot that row i - 1 left is filled again.
    unsigned i = 0;
    unsigned refilled = 0;
    barrier_wait(barriers, 0);
    bulk_store(gathered + (u64)first * row_bytes, ring + ahead(table + (u64)order[first] * row_bytes), row_bytes);
    stage = stages == 1 ? 0 : 1;
    parity = stages == 1 ? 1 : 0;
    ++i;
#pragma unroll 1
    for (; i + under_way <= mine; ++i) {
        bulk_stores_read<0>();
        const unsigned next = first + (i - 1 + under_way) * all;
        fetch(ring + refilled * slot, table + (u64)order[next] * row_bytes, row_bytes, barriers + 8 * refilled);
        refilled = refilled + 1 == stages ? 0 : refilled + 1;
        barrier_wait(barriers + 8 * stage, parity);
        const unsigned k = first + i * all, from = ring + stage * slot + ahead(table + (u64)order[k] * row_bytes);
        bulk_store(gathered + (u64)k * row_bytes, from, row_bytes);
        if (++stage == stages) stage = 0, parity ^= 1;
    }
#pragma unroll 1
    for (; i < mine; ++i) {
        barrier_wait(barriers + 8 * stage, parity);
        const unsigned k = first + i * all, from = ring + stage * slot + ahead(table + (u64)order[k] * row_bytes);
        bulk_store(gathered + (u64)k * row_bytes, from, row_bytes);
        if (++stage == stages) stage = 0, parity ^= 1;
    }
    bulk_stores_done();
}
#elif defined(METHOD_MASKED) || defined(METHOD_WARP_PER_ROW)
// A warp takes a row; masked, it begins at the boundary of 128 bytes below it. Lanes outside of the row load its
// nearest element, which asks for no further sector, and write nothing.
extern "C" __global__ void probe(Element* gathered, const Element* table, const unsigned* __restrict__ order,
                                 unsigned rows, unsigned length, unsigned) {
    const int lane = threadIdx.x % 32;
    const unsigned warps = gridDim.x * (blockDim.x / 32);
#pragma unroll 1
    for (unsigned k = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; k < rows; k += warps) {
        const Element* row = table + (u64)__ldg(order + k) * length;
        Element* to = gathered + (u64)k * length;
#if defined(METHOD_MASKED)
        const int before = (int)((u64)row % 128 / VECTOR);
#else
        const int before = 0;
#endif
#pragma unroll 1
        for (int i = lane - before; i - lane < (int)length; i += 32) {
            const int inside = min(max(i, 0), (int)length - 1);
            const Element e = load(row + inside);
            if (i == inside) to[i] = e;
        }
    }
}
#else
// Every thread takes elements, over the borders of rows. Circular: within its row a thread is moved on so that lanes
// are aligned to 128 bytes as the row's memory is; those past the row's end take its beginning.
extern "C" __global__ void probe(Element* gathered, const Element* table, const unsigned* __restrict__ order,
                                 unsigned rows, unsigned length, unsigned) {
    const unsigned threads = gridDim.x * blockDim.x, elements = rows * length;
#pragma unroll 1
    for (unsigned first = blockIdx.x * blockDim.x + threadIdx.x; first < elements; first += UNROLL * threads) {
        Element e[UNROLL];
        unsigned to[UNROLL];
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) {
            const unsigned at = min(first + j * threads, elements - 1), k = at / length;
            unsigned column = at - k * length;
            const Element* row = table + (u64)__ldg(order + k) * length;
#if defined(METHOD_CIRCULAR)
            const unsigned start = (unsigned)((u64)row / VECTOR);
            column += (k * length - start) % (128 / VECTOR);
            if (column >= length) column -= length;
#endif
            to[j] = k * length + column;
            e[j] = load(row + column);
        }
#pragma unroll
        for (int j = 0; j < UNROLL; ++j) gathered[to[j]] = e[j];
    }
}
#endif
