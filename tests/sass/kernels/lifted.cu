// Measures: nothing; the compiler lifts a load that no iteration changes out of the loop.
// Could fool it: a bandwidth that counts a load per iteration.
// SASS: no LDG in any loop.
extern "C" __global__ void probe(const float* __restrict__ a, unsigned rounds, float* out) {
    float sum = 0;
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) sum += a[threadIdx.x] * i;
    out[threadIdx.x] = sum;
}
