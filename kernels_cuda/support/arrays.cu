// Measures: nothing. Fills arrays with values that can be checked, and checks what a kernel made of them.
// Could fool it: a check that computes what the kernel computes; it derives every value from its index instead.
// SASS: plain loads and stores.
__device__ __forceinline__ float value_at(unsigned long long i) {
    return (float)(((unsigned)i * 2654435761u >> 16) & 0x3ff);  // integers below 1024: sums and triads are exact
}

extern "C" __global__ void fill(float* a, unsigned long long n) {
    for (unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x; i < n;
         i += (unsigned long long)gridDim.x * blockDim.x)
        a[i] = value_at(i);
}

extern "C" __global__ void fill_scaled(float* a, unsigned long long n, float factor) {
    for (unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x; i < n;
         i += (unsigned long long)gridDim.x * blockDim.x)
        a[i] = factor * value_at(i);
}

// Counts elements that differ from factor * value_at(i) + offset.
extern "C" __global__ void mismatches(const float* a, unsigned long long n, float factor, float offset,
                                      unsigned long long* wrong) {
    unsigned long long bad = 0;
    for (unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x; i < n;
         i += (unsigned long long)gridDim.x * blockDim.x)
        bad += a[i] != factor * value_at(i) + offset;
    if (bad) atomicAdd(wrong, bad);
}

// The sum modulo 2^32 of the bits of value_at(i), for a kernel that only reads.
extern "C" __global__ void expected_sum(unsigned long long n, unsigned* sum) {
    unsigned part = 0;
    for (unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x; i < n;
         i += (unsigned long long)gridDim.x * blockDim.x)
        part += __float_as_uint(value_at(i));
    atomicAdd(sum, part);
}
