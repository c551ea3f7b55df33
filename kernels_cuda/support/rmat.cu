// Measures: nothing. Draws the edges of an R-MAT graph, and neighbours of its vertices.
// Could fool it: vertices of high degree that lie together; their numbers are dealt by a permutation.
// SASS: plain loads and stores.
#include "permutation.cuh"

typedef unsigned long long u64;

__device__ __forceinline__ u64 mixed(u64 x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

// Edge k as source << 32 | target, among 2^bits vertices, with quadrants of 0.57, 0.19, 0.19 and 0.05 (Graph 500).
extern "C" __global__ void rmat_edges(u64* edges, u64 count, unsigned bits, unsigned half_bits, u64 seed) {
    const u64 threads = (u64)gridDim.x * blockDim.x;
    for (u64 k = blockIdx.x * (u64)blockDim.x + threadIdx.x; k < count; k += threads) {
        u64 random = seed + k * 0x9E3779B97F4A7C15ull;
        unsigned source = 0, target = 0;
        for (unsigned bit = 0; bit < bits; ++bit) {
            random = mixed(random + bit);
            const unsigned p = (unsigned)(random >> 40) & 0xffff;
            const unsigned quadrant = p < 37355 ? 0 : p < 49807 ? 1 : p < 62259 ? 2 : 3;
            source = source << 1 | quadrant >> 1, target = target << 1 | (quadrant & 1);
        }
        edges[k] = (u64)permuted(source, 1u << bits, half_bits) << 32 | permuted(target, 1u << bits, half_bits);
    }
}

// `fanout` neighbours of each of n vertices, drawn with repetition; a vertex without any is its own. The edges are
// sorted; those of vertex v are first[v] to first[v + 1].
extern "C" __global__ void neighbours(unsigned* out, const unsigned* vertices, unsigned n, unsigned fanout,
                                      const u64* edges, const u64* first, u64 seed) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < n * fanout; k += gridDim.x * blockDim.x) {
        const unsigned v = vertices[k / fanout];
        const u64 begin = first[v], degree = first[v + 1] - begin;
        out[k] = degree ? (unsigned)edges[begin + mixed(seed + k) % degree] : v;
    }
}
