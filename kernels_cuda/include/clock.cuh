// Reading the SM's clocks so that the machine code cannot move the reading.
//
// `clock_after(value)` compares `value` with a constant and reads the clock where they differ. The assembler drops
// the predicate from the read, but leaves the comparison before it, and a warp issues in order: the comparison
// waits for the operation that makes `value`, and the read behind it is taken after that operation. Nothing in the
// language forces this order; the gate checks it in the machine code of every kernel that claims it.
#pragma once

typedef unsigned long long u64;

// One timed stretch of one thread. The host reads arrays of it: keep the layout (48 bytes).
struct Stamp {
    u64 c0, c1;    // SM cycle counter before and after
    u64 g0, g1;    // global timer in ns before and after
    u64 result;    // what the timed operations left, for verification
    unsigned smid;
    unsigned brief;  // cycles of a shorter stretch of the same chain that was timed just before; 0 where there was none
};

__device__ __forceinline__ u64 clock_now() {
    u64 t;
    asm volatile("mov.u64 %0, %%clock64;" : "=l"(t)::"memory");
    return t;
}

__device__ __forceinline__ u64 clock_after(u64 value) {
    u64 t = 0;
    asm volatile(
        "{\n\t.reg .pred q;\n\tsetp.ne.u64 q, %1, 0xfffffffffffffff1;\n\t@q mov.u64 %0, %%clock64;\n\t}"
        : "+l"(t)
        : "l"(value)
        : "memory");
    return t;
}

__device__ __forceinline__ u64 clock_after(unsigned value) { return clock_after((u64)value); }

__device__ __forceinline__ u64 globaltimer_now() {
    u64 t;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t)::"memory");
    return t;
}

__device__ __forceinline__ unsigned smid() {
    unsigned id;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(id));
    return id;
}
