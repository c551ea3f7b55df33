// Measures: a copy between the memories of two GPUs by the SMs of one, which loads from its peer or stores to it.
// Could fool it: a source that stays in a cache of the GPU that loads (L1 is emptied between launches, and L2 keeps
// lines of its own memory only); too few bytes under way for the way there and back.
// SASS: 4 loads and 4 stores of 16 bytes per iteration; what is left of the size goes outside.
typedef unsigned long long u64;

extern "C" __global__ void probe(char* target, const char* source, u64 size) {
    const u64 thread = (u64)blockIdx.x * blockDim.x + threadIdx.x, threads = (u64)gridDim.x * blockDim.x;
    const u64 vectors = size / 16, whole = vectors / (4 * threads) * 4 * threads;
    const uint4* from = (const uint4*)source;
    uint4* to = (uint4*)target;
#pragma unroll 1
    for (u64 i = thread; i < whole; i += 4 * threads) {
        uint4 v[4];
#pragma unroll
        for (int j = 0; j < 4; ++j)
            asm volatile("ld.global.v4.u32 {%0,%1,%2,%3}, [%4];"
                         : "=r"(v[j].x), "=r"(v[j].y), "=r"(v[j].z), "=r"(v[j].w)
                         : "l"(from + i + j * threads)
                         : "memory");
#pragma unroll
        for (int j = 0; j < 4; ++j) to[i + j * threads] = v[j];
    }
    uint4 rest[4];  // loaded before any is stored, or each would wait for the one before
#pragma unroll
    for (int j = 0; j < 4; ++j)
        if (whole + thread + j * threads < vectors) rest[j] = from[whole + thread + j * threads];
#pragma unroll
    for (int j = 0; j < 4; ++j)
        if (whole + thread + j * threads < vectors) to[whole + thread + j * threads] = rest[j];
    if (thread < size % 16 / 4) {
        const u64 word = 4 * vectors + thread;
        ((unsigned*)target)[word] = ((const unsigned*)source)[word];
    }
}
