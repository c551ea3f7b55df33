// Measures: the SM clock over a stretch of a stream, as the ratio of two counters read before and after it.
// Could fool it: the two stamps on different SMs, whose counters differ (the runner compares smid); counters that are
// not read in one moment (the cycle counter is read around the timer, and the closest of many such readings counts).
// SASS: reads of SR_CLOCKLO on both sides of a read of SR_GLOBALTIMERLO, the second behind its result.
#include "clock.cuh"

constexpr int READINGS = 16;    // some hundred cycles in all
constexpr int PATIENCE = 4096;  // readings within which a timer of steps of 1 us has moved on

// The cycle counter and the timer of one moment: of the readings that saw the timer step on, the one with the least
// cycles around it. c0 is the middle of those cycles, c1 their end: the two clocks were read within 2 (c1 - c0).
extern "C" __global__ void stamp(Stamp* out) {
    u64 narrowest = ~0ull, cycles = 0, time = 0, last = globaltimer_now();
    bool stepped = false;
#pragma unroll 1
    for (int i = 0; i < READINGS || (!stepped && i < PATIENCE); ++i) {
        const u64 before = clock_now(), now = globaltimer_now(), after = clock_after(now);
        const bool fresh = now != last;
        last = now;
        if ((fresh || !stepped) && (after - before < narrowest || (fresh && !stepped))) {
            narrowest = after - before;
            cycles = before + narrowest / 2;
            time = now;
        }
        stepped |= fresh;
    }
    out->c0 = cycles;
    out->c1 = cycles + (narrowest + 1) / 2;
    out->g0 = time;
    out->smid = smid();
}
