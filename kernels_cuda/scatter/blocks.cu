// Measures: blocks that lie scattered in one memory, copied by the SMs to places in another.
// Could fool it: blocks that overlap or come twice (their places are drawn without repetition, and all are checked).
// SASS: four 16-byte loads and four 16-byte stores per iteration: 2 KiB by a warp.
typedef unsigned long long u64;

// Block from[k] of `source` goes to block to[k] of `target`; null stands for k. `tiles` of 2 KiB make a block.
extern "C" __global__ void probe(char* target, const char* source, const unsigned* to, const unsigned* from,
                                 unsigned n, unsigned tiles) {
    const unsigned lane = threadIdx.x % 32, warps = gridDim.x * (blockDim.x / 32);
    const unsigned first = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
#pragma unroll 1
    for (unsigned t = first; t < n * tiles; t += warps) {
        const unsigned k = t / tiles;
        const u64 inside = (u64)(t - k * tiles) * 2048 + 16 * lane, block = (u64)tiles * 2048;
        const char* p = source + (from ? from[k] : k) * block + inside;
        char* q = target + (to ? to[k] : k) * block + inside;
        uint4 e[4];
#pragma unroll
        for (int j = 0; j < 4; ++j)
            asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];"
                         : "=r"(e[j].x), "=r"(e[j].y), "=r"(e[j].z), "=r"(e[j].w)
                         : "l"(p + 512 * j));
#pragma unroll
        for (int j = 0; j < 4; ++j)
            asm volatile("st.global.v4.u32 [%0], {%1,%2,%3,%4};" ::"l"(q + 512 * j), "r"(e[j].x), "r"(e[j].y),
                         "r"(e[j].z), "r"(e[j].w)
                         : "memory");
    }
}
