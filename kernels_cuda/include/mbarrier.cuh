// Barriers in shared memory that count arrivals and bytes (PTX ISA, "mbarrier"; sm_90 and later).
//
// A barrier is in phase 0 after `mbarrier_init`. A phase ends when all arrivals and all announced bytes have come in;
// waiting for parity p returns once the phase of that parity is over. So the first wait takes parity 0, the next 1.
// `memory` clobbers keep the compiler from moving loads of what arrived above the wait.
#pragma once

__device__ __forceinline__ unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }

__device__ __forceinline__ void mbarrier_init(unsigned barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

// Initialised barriers become visible to the async proxy and to the other blocks of the cluster.
__device__ __forceinline__ void mbarrier_init_done() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void mbarrier_arrive(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

// Arrives, and announces bytes that copies will bring before the phase can end.
__device__ __forceinline__ void mbarrier_arrive_expect(unsigned barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// Arrives at the barrier that lies at the same place in another block of the cluster. It says that this thread has
// waited for what it waited for; it publishes no data, which would need .release.cluster and cost a fence of the GPU.
__device__ __forceinline__ void mbarrier_arrive_at(unsigned barrier, unsigned rank) {
    unsigned there;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(barrier), "r"(rank));
    asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(there) : "memory");
}

// Each try suspends the thread for a while. A wait without end traps after seconds: a kernel that fails is found out
// sooner than one that hangs.
__device__ __forceinline__ void mbarrier_wait(unsigned barrier, unsigned parity) {
    asm volatile(
        "{\n\t"
        ".reg .pred done, late;\n\t"
        ".reg .u32 tries;\n\t"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n\t"
        "@done bra over;\n\t"
        "mov.u32 tries, 0;\n\t"
        "again:\n\t"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n\t"
        "@done bra over;\n\t"
        "add.u32 tries, tries, 1;\n\t"
        "setp.gt.u32 late, tries, 1048576;\n\t"
        "@late trap;\n\t"
        "bra again;\n\t"
        "over:\n\t"
        "}" ::"r"(barrier),
        "r"(parity)
        : "memory");
}
