// Measures: nothing. Checks what a kernel packed or unpacked, or did to one side.
// Could fool it: the arithmetic of the kernel that it checks; it goes byte by byte with plain 64-bit divisions instead.
// SASS: plain loads.
typedef unsigned long long u64;

// Counts bytes of `packed` that differ from those that the streams (innermost first) reach in memory.
extern "C" __global__ void differences(const unsigned char* memory, const unsigned char* packed, u64 size, u64 block,
                                       u64 inner, u64 middle, long long stride_inner, long long stride_middle,
                                       long long stride_outer, u64* wrong) {
    u64 bad = 0;
    for (u64 p = blockIdx.x * (u64)blockDim.x + threadIdx.x; p < size; p += (u64)gridDim.x * blockDim.x) {
        const u64 b = p / block, row = b / inner, plane = row / middle;
        const long long at = (long long)(b % inner) * stride_inner + (long long)(row % middle) * stride_middle +
                             (long long)plane * stride_outer + (long long)(p % block);
        bad += memory[at] != packed[p];
    }
    if (bad) atomicAdd(wrong, bad);
}

// Counts bytes that are not `value`.
extern "C" __global__ void others(const unsigned char* memory, u64 size, unsigned value, u64* count) {
    u64 found = 0;
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < size; i += (u64)gridDim.x * blockDim.x)
        found += memory[i] != value;
    if (found) atomicAdd(count, found);
}

// Sum modulo 2^32 of the 4-byte words of `count` blocks that lie `stride` bytes apart.
extern "C" __global__ void words_in_blocks(const unsigned* memory, u64 count, u64 block, u64 stride, unsigned* sum) {
    unsigned part = 0;
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < count * (block / 4); i += (u64)gridDim.x * blockDim.x)
        part += memory[i / (block / 4) * (stride / 4) + i % (block / 4)];
    atomicAdd(sum, part);
}

// Counts bytes that are not 0x5a in such blocks, or not 0xee between them.
extern "C" __global__ void not_filled(const unsigned char* memory, u64 count, u64 block, u64 stride, u64 size,
                                      u64* wrong) {
    u64 bad = 0;
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < size; i += (u64)gridDim.x * blockDim.x)
        bad += memory[i] != (i / stride < count && i % stride < block ? 0x5a : 0xee);
    if (bad) atomicAdd(wrong, bad);
}
