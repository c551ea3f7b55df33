// Loads of VECTOR bytes (4, 8, 16) from shared memory or, through L1, from global memory.
#pragma once

#ifndef VECTOR
#define VECTOR 4
#endif

constexpr unsigned ROW = 8192;  // 32 places up to 256 bytes apart; a multiple of all banks: rows conflict alike

#if defined(SOURCE_GLOBAL)
typedef unsigned long long Place;
#define STRIDED_SPACE "ld.global.ca"
#define STRIDED_STORE(bits) "st.global.u" bits
#define STRIDED_ADDRESS(p) "l"(p)
__device__ __forceinline__ Place place_of(char* memory, unsigned offset) { return (Place)memory + offset; }
#else
typedef unsigned Place;
extern __shared__ char strided_memory[];
#define STRIDED_SPACE "ld.shared"
#define STRIDED_STORE(bits) "st.shared.u" bits
#define STRIDED_ADDRESS(p) "r"(p)
__device__ __forceinline__ Place place_of(char*, unsigned offset) {
    return (Place)__cvta_generic_to_shared(strided_memory) + offset;
}
#endif

struct Words {
    unsigned x, y, z, w;
};

// VECTOR bytes; words that are not loaded are 0.
__device__ __forceinline__ Words load(Place p) {
    Words v{0, 0, 0, 0};
#if VECTOR == 16
    asm volatile(STRIDED_SPACE ".v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : STRIDED_ADDRESS(p)
                 : "memory");
#elif VECTOR == 8
    asm volatile(STRIDED_SPACE ".v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : STRIDED_ADDRESS(p) : "memory");
#else
    asm volatile(STRIDED_SPACE ".u32 %0, [%1];" : "=r"(v.x) : STRIDED_ADDRESS(p) : "memory");
#endif
    return v;
}
