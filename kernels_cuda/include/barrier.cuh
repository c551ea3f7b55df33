// A clock read that waits for values of every thread of the block.
#pragma once
#include "clock.cuh"

// Folds a value into n by an instruction that no probe of these pipes times, so that counts of those stay exact.
__device__ __forceinline__ unsigned folded(unsigned n, u64 value) {
    asm volatile("dp2a.lo.u32.u32 %0, %1, 0x01010101, %0;" : "+r"(n) : "r"((unsigned)value));
    asm volatile("dp2a.lo.u32.u32 %0, %1, 0x01010101, %0;" : "+r"(n) : "r"((unsigned)(value >> 32)));
    return n;
}

// The barrier takes a predicate of each thread's value, so no warp arrives before its values are there; the clock is
// read behind it.
__device__ __forceinline__ u64 clock_after_all(unsigned value) {
    u64 t;
    asm volatile(
        "{\n\t.reg .pred p;\n\t.reg .u32 n;\n\tsetp.eq.u32 p, %1, 0xfffffff1;\n\t"
        "barrier.cta.red.popc.aligned.u32 n, 0, p;\n\tmov.u64 %0, %%clock64;\n\t}"
        : "=l"(t)
        : "r"(value)
        : "memory");
    return t;
}
