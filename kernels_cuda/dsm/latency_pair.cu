// Measures: load-to-use latency from each SM of a cluster to the shared memory of each other one, pair after pair.
// Could fool it: pairs that load at once (the others wait at the cluster's barrier); the clock's own cost (two lengths);
// an SM read off another block than the one that answered (each block says itself where it runs).
// SASS: 16 dependent generic LD.E.64 per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"
#include "cluster.cuh"

#define RING 32
#define SHORT 16
#define LONG 80

// One ordered pair as one cluster measured it. The host reads arrays of it: keep the layout (24 bytes).
struct Pair {
    unsigned source, destination, size, short_cycles, long_cycles, end;
};

extern __shared__ u64 ring[];  // RING addresses to walk through, then the number of the SM

// Block r of cluster c writes pairs[(c * size + r) * size + d] for each rank d, its own included. The reader lays the
// ring through the other block's memory, from start to start: i follows 5 i + 3. Blocks leave one by one, after up to
// `spread` ns, so that the next cluster is put together of other SMs.
extern "C" __global__ void probe(unsigned start, unsigned spread, unsigned seed, Pair* pairs) {
    const unsigned rank = cluster_rank(), size = cluster_size();
    ring[RING] = smid();
    cluster_sync();
#pragma unroll 1
    for (unsigned source = 0; source < size; ++source) {
        if (rank == source) {
#pragma unroll 1
            for (unsigned destination = 0; destination < size; ++destination) {
                const u64 there = mapped_generic(ring, destination);
#pragma unroll 1
                for (unsigned i = 0; i < RING; ++i) {
                    const u64 next = there + 8 * ((5 * i + 3) % RING);
                    asm volatile("st.u64 [%0], %1;" ::"l"(there + 8 * i), "l"(next) : "memory");
                }
                unsigned spent = 0, before = 0;
                u64 p = there + 8 * start;
#pragma unroll 1
                for (unsigned turn = 0; turn < 3; ++turn) {  // the first brings the code into the instruction cache
                    const unsigned hops = turn < 2 ? SHORT : LONG;
                    before = spent;
                    const u64 c0 = clock_after(p);
#pragma unroll 1
                    for (unsigned i = 0; i < hops; i += 16) {
#pragma unroll
                        for (int j = 0; j < 16; ++j) asm volatile("ld.u64 %0, [%0];" : "+l"(p)::"memory");
                    }
                    spent = (unsigned)(clock_after(p) - c0);
                }
                u64 where;
                asm volatile("ld.u64 %0, [%1];" : "=l"(where) : "l"(there + 8 * RING) : "memory");
                pairs[(cluster_id() * size + rank) * size + destination] =
                    Pair{smid(), (unsigned)where, size, before, spent, (unsigned)(p - there) / 8};
            }
        }
        cluster_sync();
    }
    unsigned mixed = (blockIdx.x ^ seed) * 0x9e3779b1u;
    mixed = (mixed ^ mixed >> 15) * 0x85ebca6bu;
    __nanosleep((mixed >> 8) % spread);
}
