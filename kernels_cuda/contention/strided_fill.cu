// Measures: bytes per clock that an SM loads when the lanes of each warp load VECTOR bytes, `stride` bytes apart.
// Could fool it: loads that nothing uses, or that the compiler lifts out of the loop.
// SASS: 8 LDS or LDG of VECTOR bytes per iteration.
#include "clock.cuh"
#include "strided.cuh"

// `memory`: eight rows, the same for every block. Each thread adds up what it reads. `advance` is 0: loads
// of places that never change would be taken out of the loop.
extern "C" __global__ void probe(char* memory, unsigned stride, unsigned advance, unsigned rounds, unsigned* folded,
                                 Stamp* out) {
#if !defined(SOURCE_GLOBAL)
    for (unsigned i = threadIdx.x; i < 8 * ROW / 4; i += blockDim.x)
        ((unsigned*)strided_memory)[i] = ((const unsigned*)memory)[i];
#endif
    Place p = place_of(memory, threadIdx.x % 32 * stride);
    unsigned fold = 0;
    __syncthreads();
    const u64 g0 = globaltimer_now(), c0 = clock_now();
    __syncthreads();  // a warp that reads the clock among others at work may be held up by them
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) {
            const Words v = load(p + j * ROW);
            fold += v.x + v.y + v.z + v.w;
        }
        p += advance;
    }
    folded[blockIdx.x * blockDim.x + threadIdx.x] = fold;
    __syncthreads();
    const u64 c1 = clock_now(), g1 = globaltimer_now();
    if (threadIdx.x == 0) out[blockIdx.x] = Stamp{c0, c1, g0, g1, fold, smid(), 0};
}
