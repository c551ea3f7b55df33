// Measures: a copy by the SMs between device memory and page-locked host memory in the kernel's address space.
// Could fool it: a source that a cache kept from the launch before (L1 is emptied between launches).
// SASS: one 16-byte load and one 16-byte store per iteration; what is left of the size goes by words outside.
extern "C" __global__ void probe(char* target, const char* source, unsigned long long size) {
    typedef unsigned long long u64;
    const u64 thread = (u64)blockIdx.x * blockDim.x + threadIdx.x, threads = (u64)gridDim.x * blockDim.x;
    const u64 vectors = size / 16;
#pragma unroll 1
    for (u64 i = thread; i < vectors; i += threads) ((uint4*)target)[i] = ((const uint4*)source)[i];
    if (thread < size % 16 / 4) {
        const u64 word = 4 * vectors + thread;
        ((unsigned*)target)[word] = ((const unsigned*)source)[word];
    }
}
