// Measures: nothing; more values are alive than its launch bounds leave registers for.
// Could fool it: loads and stores of local memory within the loop.
// SASS: 64 LDG per iteration, and spills.
extern "C" __global__ void __launch_bounds__(1024, 2) probe(const float* a, unsigned rounds, float* out) {
    float sum[64] = {};
#pragma unroll 1
    for (unsigned i = 0; i < rounds; ++i) {
#pragma unroll
        for (int j = 0; j < 64; ++j) {
            float x;
            asm volatile("ld.global.f32 %0, [%1];" : "=f"(x) : "l"(a + i * 65536 + j * 1024 + threadIdx.x));
            sum[j] = sum[j] * x + sum[(j + 1) % 64];
        }
    }
#pragma unroll
    for (int j = 0; j < 64; ++j) out[j * 1024 + threadIdx.x] = sum[j];
}
