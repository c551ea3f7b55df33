// Measures: bytes per second that all SMs stream through memory in one pattern, or through L2 in many passes.
// Could fool it: loads that are dropped because nothing uses them; a working set that a cache holds unasked.
// SASS: UNROLL vector loads and stores of VECTOR bytes per iteration, each over a tile of all threads.
#ifndef VECTOR
#define VECTOR 16
#endif
#ifndef UNROLL
#define UNROLL 4
#endif

#if VECTOR == 16
typedef float4 Vec;
#elif VECTOR == 8
typedef float2 Vec;
#else
typedef float Vec;
#endif

typedef unsigned long long u64;

__device__ __forceinline__ Vec load(const Vec* p) {
#if VECTOR == 16
    float4 v;
#ifdef TIER_L2
    asm volatile("ld.global.cg.v4.f32 {%0,%1,%2,%3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(p));
#else
    asm volatile("ld.global.v4.f32 {%0,%1,%2,%3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(p));
#endif
#elif VECTOR == 8
    float2 v;
    asm volatile("ld.global.v2.f32 {%0,%1}, [%2];" : "=f"(v.x), "=f"(v.y) : "l"(p));
#else
    float v;
    asm volatile("ld.global.f32 %0, [%1];" : "=f"(v) : "l"(p));
#endif
    return v;
}

__device__ __forceinline__ void store(Vec* p, Vec v) {
#ifdef FORM_ONE_SHOT  // evicted first: copies and writes are then 0.2 % faster
    __stcs(p, v);
#else
    *p = v;
#endif
}

__device__ __forceinline__ Vec times3(Vec a) {
#if VECTOR == 16
    return Vec{3 * a.x, 3 * a.y, 3 * a.z, 3 * a.w};
#elif VECTOR == 8
    return Vec{3 * a.x, 3 * a.y};
#else
    return 3 * a;
#endif
}

__device__ __forceinline__ Vec plus(Vec a, Vec b) {
#if VECTOR == 16
    return Vec{a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
#elif VECTOR == 8
    return Vec{a.x + b.x, a.y + b.y};
#else
    return a + b;
#endif
}

// The bits, not the numbers: integer addition keeps up with L1, conversion does not, and it wraps exactly.
__device__ __forceinline__ unsigned sum(Vec a) {
#if VECTOR == 16
    return __float_as_uint(a.x) + __float_as_uint(a.y) + __float_as_uint(a.z) + __float_as_uint(a.w);
#elif VECTOR == 8
    return __float_as_uint(a.x) + __float_as_uint(a.y);
#else
    return __float_as_uint(a);
#endif
}

__device__ __forceinline__ Vec all(float x) {
#if VECTOR == 16
    return Vec{x, x, x, x};
#elif VECTOR == 8
    return Vec{x, x};
#else
    return x;
#endif
}

// `tiles` counts stretches of UNROLL * blockDim.x vectors; every pass visits each of them once.
extern "C" __global__ void probe(Vec* a, const Vec* b, const Vec* c, unsigned tiles, unsigned passes, unsigned* sums) {
    unsigned total = 0;
#pragma unroll 1
    for (unsigned pass = 0; pass < passes; ++pass) {
#pragma unroll 1
        for (unsigned tile = (blockIdx.x + pass * 37) % gridDim.x; tile < tiles; tile += gridDim.x) {
            const u64 first = (u64)tile * (UNROLL * blockDim.x) + threadIdx.x;
            Vec x[UNROLL];
#if defined(PATTERN_WRITE)
#pragma unroll
            for (int j = 0; j < UNROLL; ++j) store(a + first + j * blockDim.x, all(7.0f));
#elif defined(PATTERN_TRIAD)
            Vec y[UNROLL];
#pragma unroll
            for (int j = 0; j < UNROLL; ++j) {
                x[j] = load(b + first + j * blockDim.x);
                y[j] = load(c + first + j * blockDim.x);
            }
#pragma unroll
            for (int j = 0; j < UNROLL; ++j) store(a + first + j * blockDim.x, plus(x[j], times3(y[j])));
#else
#pragma unroll
            for (int j = 0; j < UNROLL; ++j) x[j] = load(b + first + j * blockDim.x);
#pragma unroll
            for (int j = 0; j < UNROLL; ++j) {
#if defined(PATTERN_COPY)
                store(a + first + j * blockDim.x, x[j]);
#elif defined(PATTERN_SCALE)
                store(a + first + j * blockDim.x, times3(x[j]));
#else
                total += sum(x[j]);
#endif
            }
#endif
        }
    }
#ifdef PATTERN_READ
    sums[blockIdx.x * blockDim.x + threadIdx.x] = total;
#endif
}
