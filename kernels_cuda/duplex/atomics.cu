// Measures: atomic additions per second to words of their own, of system scope, in host or device memory.
// Could fool it: additions to neighbouring words that are merged into one request (words lie a line apart by STRIDE).
// SASS: 4 additions per iteration, whose results are used (ATOMG) or not (RED).
typedef unsigned long long u64;

// Every thread adds 1 to the word at its number times `stride` bytes, `rounds` times 4 times.
extern "C" __global__ void probe(char* words, unsigned stride, unsigned rounds, u64* sum) {
    char* word = words + (u64)(blockIdx.x * blockDim.x + threadIdx.x) * stride;
    u64 total = 0;
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
#if defined(FORM_RED)
            asm volatile("red.relaxed.sys.global.add.u64 [%0], 1;" ::"l"(word) : "memory");
#else
            u64 found;
            asm volatile("atom.relaxed.sys.global.add.u64 %0, [%1], 1;" : "=l"(found) : "l"(word) : "memory");
            total += found;
#endif
        }
    }
    if (total == ~0ull) *sum = total;
}
