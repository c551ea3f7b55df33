// Measures: cycles from an atomic of global memory to the next on the same word, whose operand it returned, line by line.
// Could fool it: an end clock that does not wait; a mean over lines that are near and lines that are far; copies at the
// loop's end, which wait for the last atomic.
// SASS: 8 dependent ATOMG (ATOM) per iteration between two clock reads.
#include "clock.cuh"
#include "atomics.cuh"

// What the chain carries. Of an integer of 64 bits the assembler carries each half on its own, and copies both into the
// pair that the next atomic takes, which waits; of a double it carries the pair, as long as only one half is looked at.
#if defined(DTYPE_U64) || defined(DTYPE_F64)
typedef double Carried;
__device__ __forceinline__ Carried carried(Value bits) { return __longlong_as_double((long long)bits); }
__device__ __forceinline__ Value bits(Carried x) { return (Value)__double_as_longlong(x); }
__device__ __forceinline__ unsigned half(Carried x) { return (unsigned)__double2loint(x); }
#else
typedef Value Carried;
__device__ __forceinline__ Carried carried(Value bits) { return bits; }
__device__ __forceinline__ Value bits(Carried x) { return x; }
__device__ __forceinline__ unsigned half(Carried x) { return x; }
#endif

// Each block has `lines` lines. Per line: the cycles of 8 atomics, as the difference of a chain of 16 and one of 8, and what
// is left in x and memory.
extern "C" __global__ void probe(u64 memory, u64 stride, unsigned lines, u64 initial, u64 operand, u64 swap, unsigned* cycles,
                                 u64* left) {
    memory += blockIdx.x * lines * stride;
    cycles += blockIdx.x * lines;
    left += 2 * blockIdx.x * lines;
    memory += threadIdx.x;  // 0, but the compiler may not know: it sums up what lanes add to one address
#pragma unroll 1
    for (unsigned line = 0; line < lines; ++line) {
        const Where p = memory + line * stride;
        *(volatile Value*)p = (Value)initial;
        __threadfence();
        Carried x = carried((Value)operand);
        unsigned before = 0, chain = 0;
#pragma unroll 1
        for (unsigned steps = 8; steps <= 16; steps += 8) {
            const u64 c0 = clock_after(half(x));
#pragma unroll 1
            for (unsigned i = 0; i < steps; i += 8) {
#pragma unroll
                for (int j = 0; j < 8; ++j) x = carried(atom(p, bits(x), (Value)swap));
            }
            const unsigned spent = (unsigned)(clock_after(half(x)) - c0);
            chain = spent - before;
            before = spent;
        }
        cycles[line] = chain;
        left[2 * line] = bits(x);
        left[2 * line + 1] = *(volatile Value*)p;
    }
}
