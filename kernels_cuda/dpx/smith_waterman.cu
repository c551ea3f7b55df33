// Measures: cells of Smith-Waterman alignments with affine gaps per second, one pair of sequences in each thread, or
// two in the halves of its registers.
// Could fool it: a compiler that makes DPX instructions of plain sums and maxima by itself, which it does; scores that
// nothing needs; columns that wait for their letter to come from L2, so it is loaded a column ahead (of the unfused ones
// towards the end of that column, which the assembler prefers to another register).
// SASS: three VIADDMNMX a cell (fewer in the first row, whose neighbours are known) or, unfused, six VIMNMX of two
// inputs, in a loop over the columns between two clock reads.
#include "barrier.cuh"

#ifndef ROWS
#define ROWS 16
#endif

#if defined(DTYPE_S16X2)
static const unsigned kWords = 2, kZero = 0, kExtend = 0xffffffffu, kOpen = 0xfffdfffdu;  // -1 and -3 in both halves
#define PLAIN_ADD(a, b) __vadd2(a, b)
#define PLAIN_MAX(a, b) __vmaxs2(a, b)
#define DPX_ADD_MAX(a, b, c) __viaddmax_s16x2(a, b, c)
#define DPX_MAX_RELU(a, b) __vimax_s16x2_relu(a, b)
#else
static const unsigned kWords = 1, kExtend = (unsigned)-1, kOpen = (unsigned)-3;
#define PLAIN_ADD(a, b) ((a) + (b))
#define PLAIN_MAX(a, b) ((unsigned)max((int)(a), (int)(b)))
#define DPX_ADD_MAX(a, b, c) ((unsigned)__viaddmax_s32(a, b, c))
#define DPX_MAX_RELU(a, b) ((unsigned)__vimax_s32_relu(a, b))
#if defined(FUNCTION_UNFUSED)
// Sums are multiply-adds by an operand that is one, and maxima of three alternate between signed and unsigned ones:
// the assembler joins neither. All scores lie kZero higher, so that none is negative.
static const unsigned kZero = 1u << 28;
#undef PLAIN_ADD
#define PLAIN_ADD(a, b) ((a) * one + (b))
#else
static const unsigned kZero = 0;
#endif
#endif

#if defined(FUNCTION_DPX)
#define ADD_MAX(a, b, c) DPX_ADD_MAX(a, b, c)
#define MAX_RELU(a, b) DPX_MAX_RELU(a, b)
#define HIGHEST(a, b, row) PLAIN_MAX(a, b)
#elif defined(FUNCTION_UNFUSED)
#define ADD_MAX(a, b, c) PLAIN_MAX(PLAIN_ADD(a, b), c)
#define MAX_RELU(a, b) PLAIN_MAX(max(a, b), kZero)
#define HIGHEST(a, b, row) ((row) % 2 ? max(a, b) : PLAIN_MAX(a, b))
#else
#define ADD_MAX(a, b, c) PLAIN_MAX(PLAIN_ADD(a, b), c)
#define MAX_RELU(a, b) PLAIN_MAX(PLAIN_MAX(a, b), 0u)
#define HIGHEST(a, b, row) PLAIN_MAX(a, b)
#endif

// Four of the eight bytes of a and b, or their signs; __byte_perm would leave the signs out.
__device__ __forceinline__ unsigned picked(unsigned a, unsigned b, unsigned selector) {
    unsigned bytes;
    asm volatile("prmt.b32 %0, %1, %2, %3;" : "=r"(bytes) : "r"(a), "r"(b), "r"(selector));
    return bytes;
}

// profile: of each thread's query (two of them for s16x2) the scores of a row against A, C, G, T, a byte each, as
// [row][word][thread]. selectors: of each column the bytes that PRMT picks from that, as [column][thread], and a row
// behind the last; its sign is spread over what is left of the word or half. one: 1. best: the highest score of each thread.
extern "C" __global__ void probe(const unsigned* profile, const unsigned* selectors, unsigned columns, unsigned one,
                                 unsigned* best, Stamp* stamps) {
    const unsigned threads = blockDim.x, t = threadIdx.x;
    unsigned score[ROWS][kWords], opened[ROWS], gap[ROWS], h[ROWS];
    unsigned highest = kZero, ready = 0;
    selectors += t;
    unsigned following = *selectors;
#pragma unroll
    for (int i = 0; i < ROWS; ++i) {
#pragma unroll
        for (int w = 0; w < kWords; ++w) {
            score[i][w] = profile[(i * kWords + w) * threads + t];
            ready = folded(ready, score[i][w]);
        }
        h[i] = kZero;
        opened[i] = gap[i] = kZero + kOpen;
    }
    const u64 c0 = clock_after_all(ready), g0 = globaltimer_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    do {
        const unsigned selector = following;
        selectors += threads;
        following = *selectors;
        unsigned diagonal = kZero, above = kZero + kOpen, down = above;  // row -1, where h = 0
#pragma unroll
        for (int i = 0; i < ROWS; ++i) {
            const unsigned s = picked(score[i][0], score[i][kWords - 1], selector);
            gap[i] = ADD_MAX(gap[i], kExtend, opened[i]);
            if (i > 0) down = ADD_MAX(down, kExtend, above);
            const unsigned reached = MAX_RELU(ADD_MAX(diagonal, s, gap[i]), down);
            diagonal = h[i];
            h[i] = reached;
            above = opened[i] = PLAIN_ADD(reached, kOpen);
            highest = HIGHEST(highest, reached, i);
        }
    } while (--columns);
    const u64 c1 = clock_after_all(highest), g1 = globaltimer_now();
    best[blockIdx.x * threads + t] = highest - kZero;
    if (t == 0) stamps[blockIdx.x] = Stamp{c0, c1, g0, g1, highest, smid(), 0};
}
