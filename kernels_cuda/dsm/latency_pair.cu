// Measures: load-to-use latency from each SM of a cluster to the shared memory of each other one, pair after pair.
// Could fool it: pairs that load at once (blocks wait at the cluster's barrier, clusters of a GPC for their turn); the
// clock's own cost (two lengths); an SM read off another block than the one that answered (each says where it runs).
// SASS: 16 dependent generic LD.E.64 per iteration between two clock reads, the second waiting for the last load.
#include "clock.cuh"
#include "cluster.cuh"

#define RING 32
#define SHORT 16
#define LONG 80
#define PAIR_NS 8000      // what a pair takes at least
#define LOOK_NS 2000      // between the looks of who is next
#define LONGEST_NS 500000  // that a thread may sleep

// One ordered pair as one cluster measured it. The host reads arrays of it: keep the layout (24 bytes).
struct Pair {
    unsigned source, destination, size, short_cycles, long_cycles, end;
};

extern __shared__ u64 ring[];  // RING addresses to walk through, then the number of the SM

// Take a number and wait until its turn has come. Who is further behind looks less often, as looks disturb who
// measures.
__device__ __forceinline__ unsigned await_turn(unsigned* turns, unsigned group, unsigned turn_ns) {
    unsigned mine, now;
    asm volatile("atom.relaxed.gpu.global.add.u32 %0, [%1], 1;" : "=r"(mine) : "l"(turns + 2 * group) : "memory");
    for (;;) {
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(turns + 2 * group + 1) : "memory");
        if (now == mine) return mine;
        const unsigned wait = (mine - now - 1) * turn_ns + LOOK_NS;
        __nanosleep(wait < LONGEST_NS ? wait : LONGEST_NS);
    }
}

__device__ __forceinline__ void pass_on(unsigned* turns, unsigned group, unsigned mine) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(turns + 2 * group + 1), "r"(mine + 1) : "memory");
}

// Cluster c >= `first` measures once it has the turn of its SMs' group (group[SM] of the first block: turns[2 g] counts
// who came, turns[2 g + 1] who has done; both zero before): block r writes pairs[((c - first) * size + r) * size + d]
// for each rank d, its own included. The reader lays the ring through the other block's memory, from start to start: i
// follows 5 i + 3. Clusters below `first` come and go, their blocks one by one after up to `spread` ns, so that those
// after them are put together of other SMs; they write met[c * size + r], the SM of each block.
extern "C" __global__ void probe(unsigned start, unsigned first, unsigned spread, unsigned seed, unsigned* met,
                                 const unsigned char* group, unsigned* turns, Pair* pairs) {
    const unsigned rank = cluster_rank(), size = cluster_size();
    ring[RING] = smid();
    if (cluster_id() < first) {
        met[cluster_id() * size + rank] = smid();
        unsigned mixed = (blockIdx.x ^ seed) * 0x9e3779b1u;
        mixed = (mixed ^ mixed >> 15) * 0x85ebca6bu;
        __nanosleep((mixed >> 8) % spread);
        return;
    }
    const unsigned mine = rank == 0 ? await_turn(turns, group[smid()], size * size * PAIR_NS) : 0;
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
                pairs[((cluster_id() - first) * size + rank) * size + destination] =
                    Pair{smid(), (unsigned)where, size, before, spent, (unsigned)(p - there) / 8};
            }
        }
        cluster_sync();
    }
    if (rank == 0) pass_on(turns, group[smid()], mine);
}
