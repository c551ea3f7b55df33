// Measures: what blocks of BLOCK bytes that lie a stride apart take to read, or to write, without a packed side.
// Could fool it: loads that are dropped because nothing uses them; blocks that L2 still holds from the pass before.
// SASS: one 16-byte load or store per iteration; what was loaded is summed.
#ifndef BLOCK
#define BLOCK 16
#endif

typedef unsigned long long u64;

#define FILLED 0x5a5a5a5au

// `words` of 16 bytes, a power of two, are in the blocks; every pass visits each of them once, in order. sums: what
// each thread read, where there is something to read.
extern "C" __global__ void probe(char* memory, unsigned words, unsigned passes, unsigned stride, unsigned* sums) {
    unsigned total = 0;
    const u64 all = (u64)words * passes;
#pragma unroll 1
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < all; i += (u64)gridDim.x * blockDim.x) {
        const unsigned p = (unsigned)i & (words - 1), b = p / (BLOCK / 16);
        char* at = memory + (u64)b * stride + (p - b * (BLOCK / 16)) * 16;
#ifdef PATTERN_WRITE
        asm volatile("st.global.v4.u32 [%0], {%1,%1,%1,%1};" ::"l"(at), "r"(FILLED) : "memory");
#else
        unsigned x, y, z, w;
#ifdef TIER_L2
        asm volatile("ld.global.cg.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(x), "=r"(y), "=r"(z), "=r"(w) : "l"(at));
#else
        asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];" : "=r"(x), "=r"(y), "=r"(z), "=r"(w) : "l"(at));
#endif
        total += x + y + z + w;
#endif
    }
#ifndef PATTERN_WRITE
    sums[blockIdx.x * blockDim.x + threadIdx.x] = total;
#endif
}
