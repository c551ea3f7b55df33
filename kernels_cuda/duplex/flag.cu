// Measures: the time from the host's write of a flag until the host sees the GPU's answer, one after the other.
// Could fool it: a flag that is read from a cache (reads are of system scope and acquire).
// SASS: one load of system scope per iteration of the loop that waits.
#include "clock.cuh"

// Answers `rounds` flags, each with its own number; gives up after `timeout_ns`.
extern "C" __global__ void probe(unsigned* asked, unsigned* answered, unsigned rounds, u64 timeout_ns) {
    const u64 start = globaltimer_now();
    for (unsigned round = 1; round <= rounds; ++round) {
        unsigned seen;
#pragma unroll 1
        do {
            asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(seen) : "l"(asked) : "memory");
        } while (seen != round && globaltimer_now() - start < timeout_ns);
        asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(answered), "r"(round) : "memory");
    }
}
