// Measures: latency (one accumulator, one warp) and throughput (ILP accumulators, many warps) of mma.sync and mma.sp.
// Could fool it: products whose accumulator nothing reads, an end clock ahead of the last of them, an instruction that the
// assembler replaces by several others, of which it lifts some out of the loop; accumulators that overflow; a loop so long
// that warps wait for its instructions.
// SASS: UNROLL x ILP matrix instructions, or calls of what stands in for them, per iteration between two clock reads.
#include "clock.cuh"
#include "mma.cuh"

#ifndef ILP
#define ILP 1
#endif
// Unpacked in software a product of FP8 is 24 instructions; a loop of 3077 took some SMs 15 % longer than others.
#if MMA_FLOAT8 && ILP > 4
#define UNROLL 8
#else
#define UNROLL 16
#endif

// Where FP8 is unpacked to f16 first, the assembler would do that, and the product of operands that stay the same, once
// ahead of the loop. A multiplication by a one that it does not know keeps them new; nothing else needs the integer
// multiplier there.
#if MMA_FLOAT8 && __CUDA_ARCH__ >= 900 && __CUDA_ARCH__ < 1200
#define RENEW(words, count)                          \
    _Pragma("unroll") for (int i = 0; i < count; ++i) \
        asm volatile("mad.lo.u32 %0, %0, %1, %2;" : "+r"(words[i]) : "r"(one), "r"(nothing))
#else
#define RENEW(words, count)
#endif

__device__ __forceinline__ unsigned bits(unsigned word) { return word; }
// One half: where both are looked at, the assembler carries each on its own, and copies them at the end of the loop.
__device__ __forceinline__ unsigned bits(double word) { return (unsigned)__double2loint(word); }

// A tile is the fragments of one product as the lanes hold them: A, B, the B of every second step, C, and the D that
// is expected after `steps`, each register of all 32 lanes side by side. Warps all do the same. `steps` is a positive
// multiple of UNROLL below 2^31. `left` gets what the accumulators of the first block hold in the end, `result` of the Stamp how
// many threads of the block hold something else than the expected D.
extern "C" __global__ void probe(
    const Word* tile, const unsigned* metadata, Word* left, unsigned steps, Stamp* stamps) {
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    Word a[MMA_A_WORDS], b[MMA_B_WORDS], other[MMA_B_WORDS], d[ILP][MMA_D_WORDS];
#pragma unroll
    for (int i = 0; i < MMA_A_WORDS; ++i) a[i] = tile[32 * i + lane];
    tile += 32 * MMA_A_WORDS;
#pragma unroll
    for (int i = 0; i < MMA_B_WORDS; ++i) b[i] = tile[32 * i + lane];
    tile += 32 * MMA_B_WORDS;
#pragma unroll
    for (int i = 0; i < MMA_B_WORDS; ++i) other[i] = tile[32 * i + lane];
    tile += 32 * MMA_B_WORDS;
#pragma unroll
    for (int j = 0; j < ILP; ++j)
#pragma unroll
        for (int i = 0; i < MMA_D_WORDS; ++i) d[j][i] = tile[32 * i + lane];
    tile += 32 * MMA_D_WORDS;
    unsigned chosen[1] = {metadata[lane]};
    const unsigned nothing = steps >> 31, one = nothing + 1;

    unsigned folded = chosen[0] ^ one;
#pragma unroll
    for (int i = 0; i < MMA_A_WORDS; ++i) folded ^= bits(a[i]);
#pragma unroll
    for (int i = 0; i < MMA_B_WORDS; ++i) folded ^= bits(b[i]) ^ bits(other[i]);
#pragma unroll
    for (int i = 0; i < MMA_D_WORDS; ++i) folded ^= bits(d[ILP - 1][i]);
    __syncthreads();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(folded);
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    for (unsigned s = 0; s < steps; s += UNROLL) {
#pragma unroll
        for (int u = 0; u < UNROLL; u += 2) {
#pragma unroll
            for (int j = 0; j < ILP; ++j) {
                RENEW(a, MMA_A_WORDS);
                RENEW(b, MMA_B_WORDS);
                RENEW(chosen, SPARSE);
                mma(d[j], a, b, chosen[0]);
            }
#pragma unroll
            for (int j = 0; j < ILP; ++j) {
                RENEW(a, MMA_A_WORDS);
                RENEW(other, MMA_B_WORDS);
                RENEW(chosen, SPARSE);
                mma(d[j], a, other, chosen[0]);
            }
        }
    }
    folded = 0;
#pragma unroll
    for (int j = 0; j < ILP; ++j)
#pragma unroll
        for (int i = 0; i < MMA_D_WORDS; ++i) folded ^= bits(d[j][i]);
    const unsigned all = __syncthreads_or(folded == 0xfffffff1);  // so that each warp comes here with its results
    const u64 c1 = clock_after(all);
    const u64 g1 = globaltimer_now();

    unsigned wrong = 0;
#pragma unroll
    for (int j = 0; j < ILP; ++j) {
#pragma unroll
        for (int i = 0; i < MMA_D_WORDS; ++i) {
            wrong |= d[j][i] != tile[32 * i + lane];
            if (blockIdx.x == 0) left[32 * (MMA_D_WORDS * (ILP * warp + j) + i) + lane] = d[j][i];
        }
    }
    const unsigned count = __syncthreads_count(wrong);
    if (threadIdx.x == 0) stamps[blockIdx.x] = Stamp{c0, c1, g0, g1, count, smid(), 0};
}
