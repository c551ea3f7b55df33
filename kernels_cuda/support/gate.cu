// Measures: nothing. Holds a stream until the host opens the gate, so that what is timed behind it is queued.
// Could fool it: a host call that waits for the stream while the gate is shut; after `timeout_ns` it opens itself.
// SASS: a loop around a volatile load from host memory.
#include "clock.cuh"

extern "C" __global__ void gate(const volatile unsigned* open, u64 timeout_ns) {
    const u64 start = globaltimer_now();
    while (*open == 0 && globaltimer_now() - start < timeout_ns) __nanosleep(200);
}
