// Measures: nothing; the compiler drops loads whose values reach no memory.
// Could fool it: a bandwidth of loads that never ran.
// SASS: no LDG at all.
extern "C" __global__ void probe(const float* a, unsigned rounds, float* out) {
    float sum = 0;
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) sum += a[i * 32 + threadIdx.x];
    out[threadIdx.x] = 1;
}
