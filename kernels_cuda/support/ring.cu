// Measures: nothing. Lays a ring of addresses, or of element offsets, through a buffer in a random order.
// Could fool it: an order with more than one cycle; the order is a permutation and the ring follows it once.
// SASS: plain stores.
#include "clock.cuh"
#include "permutation.cuh"

// Place i, at memory + i * stride, is known to the walker as seen_at + i * apart: an address, or a coordinate.
extern "C" __global__ void ring_of_addresses(char* memory, u64 stride, u64 seen_at, u64 apart, unsigned n,
                                             unsigned half_bits) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x) {
        const u64 here = permuted(k, n, half_bits), next = permuted(k + 1 == n ? 0 : k + 1, n, half_bits);
        *(u64*)(memory + here * stride) = seen_at + next * apart;
    }
}

extern "C" __global__ void ring_of_offsets(char* memory, u64 stride, unsigned n, unsigned half_bits, unsigned unit) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x) {
        const u64 here = permuted(k, n, half_bits), next = permuted(k + 1 == n ? 0 : k + 1, n, half_bits);
        *(unsigned*)(memory + here * stride) = (unsigned)(next * stride / unit);
    }
}

// Visits `count` places of the ring in its own order, so that a cache holds what a walk just behind left in it.
extern "C" __global__ void visit(const char* memory, u64 stride, unsigned n, unsigned half_bits, unsigned first,
                                 unsigned count, unsigned* sink) {
    unsigned sum = 0;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
        const u64 place = permuted((unsigned)(((u64)first + i) % n), n, half_bits);
        unsigned value;
        asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(value) : "l"(memory + place * stride) : "memory");
        sum += value;
    }
    if (sum == 0xdeadbeef) *sink = sum;
}

// Every place points at itself: a chain that reads one line over and over.
extern "C" __global__ void self_addresses(char* memory, u64 stride, unsigned n) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x)
        *(u64*)(memory + k * stride) = (u64)(memory + k * stride);
}

// Rings of one order, `pitch` apart, one per block.
extern "C" __global__ void rings(char* memory, u64 pitch, u64 stride, unsigned n, unsigned half_bits) {
    char* const mine = memory + blockIdx.x * pitch;
    for (unsigned k = threadIdx.x; k < n; k += blockDim.x) {
        const u64 here = permuted(k, n, half_bits), next = permuted(k + 1 == n ? 0 : k + 1, n, half_bits);
        *(u64*)(mine + here * stride) = (u64)(mine + next * stride);
    }
}

// A ring through any places, in the order of the list.
extern "C" __global__ void ring_through(const u64* places, unsigned n) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x)
        *(u64*)places[k] = places[k + 1 == n ? 0 : k + 1];
}

// `count` stretches of `step` bytes, whose first word points `offset` bytes on, at a word that points at itself.
extern "C" __global__ void lay_pairs(char* memory, u64 step, u64 offset, unsigned count) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < count; k += gridDim.x * blockDim.x) {
        char* const first = memory + k * step;
        *(u64*)first = *(u64*)(first + offset) = (u64)(first + offset);
    }
}
