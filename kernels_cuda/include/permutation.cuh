// A random order of n things that every thread can compute for itself: a Feistel network over the next even
// power of two, walked until it lands below n (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
#pragma once

__device__ __forceinline__ unsigned feistel(unsigned x, unsigned half_bits) {
    const unsigned mask = (1u << half_bits) - 1;
    unsigned left = x >> half_bits, right = x & mask;
    for (unsigned round = 1; round <= 4; ++round) {
        unsigned mixed = (right ^ (round * 0x85ebca6bu)) * 0x9e3779b1u;
        unsigned next = left ^ ((mixed >> 15) & mask);
        left = right;
        right = next;
    }
    return (left << half_bits) | right;
}

__device__ __forceinline__ unsigned permuted(unsigned k, unsigned n, unsigned half_bits) {
    unsigned x = k;
    do x = feistel(x, half_bits);
    while (x >= n);
    return x;
}
