// Measures: nothing. Fills memory with words that can be checked, and checks what bulk copies made of them.
// Could fool it: a check that reads what the kernel read; it derives every word from its number instead.
// SASS: plain loads and stores, atomic adds of sums.
typedef unsigned long long u64;

__device__ __forceinline__ unsigned word_at(unsigned i, unsigned seed) {
    unsigned x = (i ^ seed) * 0x9e3779b1u;
    x = (x ^ x >> 15) * 0x85ebca6bu;
    return x ^ x >> 13;
}

// `vectors` of four words each, fewer than 2^30.
extern "C" __global__ void fill_words(uint4* memory, unsigned vectors, unsigned seed) {
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < vectors; i += gridDim.x * blockDim.x)
        memory[i] = uint4{word_at(4 * i, seed), word_at(4 * i + 1, seed), word_at(4 * i + 2, seed),
                          word_at(4 * i + 3, seed)};
}

// sums[p] gains the words p of boxes first to first + boxes. The number of threads is a multiple of `words` per box.
extern "C" __global__ void sum_boxes(unsigned first, unsigned boxes, unsigned words, unsigned seed, unsigned* sums) {
    const unsigned thread = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
    unsigned total = 0;
    for (u64 i = thread; i < (u64)boxes * words; i += threads) total += word_at(first * words + (unsigned)i, seed);
    atomicAdd(sums + thread % words, total);
}

// Counts words of boxes that differ from what tma/throughput.cu stores: block and slot in turn, from box 0 of `memory`.
extern "C" __global__ void check_stores(const unsigned* memory, unsigned boxes, unsigned words, unsigned stages,
                                        unsigned blocks, unsigned seed, u64* wrong) {
    unsigned bad = 0;
    for (u64 i = blockIdx.x * blockDim.x + threadIdx.x; i < (u64)boxes * words; i += gridDim.x * blockDim.x) {
        const unsigned box = (unsigned)(i / words), place = (unsigned)(i % words);
        const unsigned at = box / blocks % stages * words + place;
        bad += memory[i] != (seed + box % blocks * 0x9e3779b9u + at * 0x85ebca6bu) * 0xc2b2ae35u;
    }
    if (bad) atomicAdd(wrong, (u64)bad);
}

// Reads `vectors` of 16 bytes past L1, so that L2 holds them, clean, near the SMs that ask.
extern "C" __global__ void touch(const uint4* memory, u64 vectors, unsigned* sink) {
    unsigned sum = 0;
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < vectors; i += (u64)gridDim.x * blockDim.x) {
        const uint4 v = __ldcg(memory + i);
        sum += v.x + v.y + v.z + v.w;
    }
    if (sum == 0xdeadbeef) *sink = sum;
}
