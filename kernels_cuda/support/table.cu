// Measures: nothing. Fills tables whose every word follows from its place, lists rows to gather, checks what came.
// Could fool it: a check that reads the table it checks against; every word is computed from its place instead.
// SASS: plain loads and stores.
#include "permutation.cuh"

typedef unsigned long long u64;

__device__ __forceinline__ unsigned word_at(u64 place) { return (unsigned)(place * 0x9E3779B97F4A7C15ull >> 32); }

__device__ __forceinline__ u64 mixed(u64 x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

extern "C" __global__ void fill_table(unsigned* table, u64 words) {
    const u64 threads = (u64)gridDim.x * blockDim.x;
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < words; i += threads) table[i] = word_at(i);
}

// Rows of a table of `rows`, n of them: 0 uniform (each once before any comes again), 1 sequential, 2 Zipf with
// exponent 1, 3 neighbours of vertices of an R-MAT graph (0.57, 0.19, 0.19, 0.05), ten of each vertex in turn. Ranks
// and vertices are dealt over the table by the same permutation.
extern "C" __global__ void rows_to_gather(unsigned* order, unsigned n, unsigned rows, unsigned half_bits,
                                          unsigned distribution, unsigned seed) {
    for (unsigned k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x) {
        unsigned row = (unsigned)(((u64)k + seed) % rows);
        if (distribution == 2) {
            const float u = (float)(mixed((u64)seed << 32 | k) >> 40) * 0x1p-24f;
            row = min(rows - 1, (unsigned)(expf(u * logf((float)rows)) - 1.0f));
        } else if (distribution == 3) {
            u64 a = mixed((u64)seed << 32 | k / 10), b = mixed(a + k % 10 + 1);
            unsigned to = 0;
            for (unsigned bit = 0; bit < 2 * half_bits; ++bit) {
                if (bit % 4 == 0) a = mixed(a), b = mixed(b);
                const unsigned p = (unsigned)(a >> 16 * (bit % 4)) & 0xffff;
                const unsigned q = (unsigned)(b >> 16 * (bit % 4)) & 0xffff;
                const unsigned source = p > 49807;                 // 0.76 of 65536
                const unsigned target = q > (source ? 51882 : 49152);  // 0.19 / 0.24 and 0.57 / 0.76
                to = to << 1 | target;
            }
            row = to % rows;
        }
        order[k] = distribution == 1 ? row : permuted(row, rows, half_bits);
    }
}

// Counts words of rows laid one after the other that differ from the table's. Row k came from row order[k], which
// begins `skipped` words behind order[k] * row_words.
extern "C" __global__ void wrong_rows(const unsigned* gathered, const unsigned* order, unsigned n, unsigned row_words,
                                      u64 skipped, u64* wrong) {
    const unsigned lane = threadIdx.x % 32, warps = gridDim.x * blockDim.x / 32;
    u64 bad = 0;
    for (unsigned k = (blockIdx.x * blockDim.x + threadIdx.x) / 32; k < n; k += warps) {
        const u64 from = (u64)order[k] * row_words + skipped, to = (u64)k * row_words;
        for (unsigned i = lane; i < row_words; i += 32) bad += gathered[to + i] != word_at(from + i);
    }
    if (bad) atomicAdd(wrong, bad);
}

// Counts words of blocks that differ from the table's: block k lies at to[k] and came from from[k], both in blocks.
extern "C" __global__ void wrong_blocks(const unsigned* memory, const unsigned* from, const unsigned* to, unsigned n,
                                        u64 block_words, u64* wrong) {
    u64 bad = 0;
    for (unsigned k = blockIdx.x; k < n; k += gridDim.x)
        for (u64 i = threadIdx.x; i < block_words; i += blockDim.x)
            bad += memory[to[k] * block_words + i] != word_at(from[k] * block_words + i);
    if (bad) atomicAdd(wrong, bad);
}
