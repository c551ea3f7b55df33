// Measures: nothing. Draws power on every SM: matrix products of random operands, and reads of DRAM beside them.
// Could fool it: products that nothing uses (their sum is compared with a number that it never is).
// SASS: HMMA and LDG.
typedef unsigned long long u64;

// Blocks of 1024 threads: 16 warps multiply, 16 read `vectors` of 16 bytes (a power of two) round and round.
extern "C" __global__ void __launch_bounds__(1024) heat(const uint4* memory, u64 vectors, unsigned rounds, unsigned* sink) {
    const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned kept = 0;
    if (threadIdx.x >= 512) {
        const u64 step = (u64)gridDim.x * 512;
        u64 at = (u64)blockIdx.x * 512 + threadIdx.x - 512;
#pragma unroll 1
        for (unsigned i = 0; i < rounds; ++i, at += step) kept += __ldcg(memory + (at & (vectors - 1))).x;
    } else {
        unsigned a[4], b[2];
        float c[4][4] = {};
        unsigned seed = thread * 0x9e3779b9u + 1;
        for (unsigned& word : a) word = (seed = seed * 1664525u + 1013904223u) & 0xbfffbfffu;  // bf16 below 2
        for (unsigned& word : b) word = (seed = seed * 1664525u + 1013904223u) & 0xbfffbfffu;
#pragma unroll 1
        for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
            for (auto& d : c)
                asm volatile(
                    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                    "{%0,%1,%2,%3};"
                    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
        }
        for (auto& d : c) kept += __float_as_uint(d[0] + d[1] + d[2] + d[3]);
    }
    if (kept == 0x9e3779b9u) *sink = kept;
}
