// Copies of 16 bytes from global to shared memory by each thread, past L1 (PTX ISA, "cp.async"; sm_80 and later).
#pragma once

__device__ __forceinline__ void copy_async(unsigned to, unsigned long long from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}

__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Until at most N groups of this thread are under way.
template <int N>
__device__ __forceinline__ void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
