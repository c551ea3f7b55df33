// Measures: the SM clock over a stretch of a stream, as the ratio of two counters read before and after it.
// Could fool it: the two stamps on different SMs, whose counters differ; the runner compares smid.
// SASS: one CS2R of SR_CLOCKLO and one of SR_GLOBALTIMERLO.
#include "clock.cuh"

extern "C" __global__ void stamp(Stamp* out) {
    out->g0 = globaltimer_now();
    out->c0 = clock_now();
    out->smid = smid();
}
