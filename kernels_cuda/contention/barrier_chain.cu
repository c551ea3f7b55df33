// Measures: cycles of a barrier of the warps of a block, or of the lanes of a warp, all there at once.
// Could fool it: a barrier of a warp, which the assembler drops where its lanes are together (a vote stands for it); the
// end of the loop, ten cycles that nothing hides behind a barrier.
// SASS: 64 BAR.SYNC, BAR.RED.POPC or VOTE per iteration.
#include "clock.cuh"

// `lanes` is a mask of a whole warp, `steps` a positive multiple of 64. `result`: what the last barrier counted or the
// last vote gave.
extern "C" __global__ void probe(unsigned lanes, unsigned steps, Stamp* out) {
    unsigned x = 1;
    __syncthreads();
    const u64 g0 = globaltimer_now();
    const u64 c0 = clock_after(x);
#pragma unroll 1
    for (unsigned i = 0; i < steps; i += 64) {
#pragma unroll
        for (int j = 0; j < 64; ++j) {
#if defined(FUNCTION_BLOCK)
            asm volatile("barrier.sync.aligned 0;" ::: "memory");
#elif defined(FUNCTION_COUNT)
            asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.u32 p, %0, 0;\n\tbarrier.red.popc.aligned.u32 %0, 0, p;\n\t}"
                         : "+r"(x)::"memory");
#else
            asm volatile("{\n\t.reg .pred p;\n\tsetp.ne.u32 p, %0, 0;\n\tvote.sync.ballot.b32 %0, p, %1;\n\t}"
                         : "+r"(x)
                         : "r"(lanes)
                         : "memory");
#endif
        }
    }
    const u64 c1 = clock_after(x);
    const u64 g1 = globaltimer_now();
    if (threadIdx.x == 0) *out = Stamp{c0, c1, g0, g1, x, smid(), 0};
}
