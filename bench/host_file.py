"""Files of the host, in the page cache and down to storage."""

import numpy as np

from gridstone import bandwidth, host_memory, pow2, probe, seconds


@probe(
    None,
    runner="on_host",
    family="host",
    budget=0.2,  # as the other cells of the family
    method=["write", "read"],
    tier=["page_cache", "storage"],
    bytes=pow2("4KiB", "16MiB", every=4, per_octave=4, quick=1, full=8),
    measures=[bandwidth(), seconds()],
    needs=[host_memory(lambda axes: 4 * axes["bytes"])],
)
def file(host, *, method, tier, bytes):
    """One file written or read from its start, in the page cache or down to storage (write and fsync).

    A write goes over bytes that are already there. Reads of storage follow an eviction from the page cache;
    the caches of the drive, or of the machine below a virtual one, stay as they are.
    """
    scratch = host.scratch_file(bytes)
    data, landing = (host.array(bytes, np.uint8) for _ in range(2))
    host.mark(data)
    scratch.write(data)
    if tier == "storage":
        scratch.demand_eviction()

    def read():
        scratch.read(landing)

    def write():
        scratch.write(data)
        if tier == "storage":
            scratch.sync()

    def repeat(passes):
        for _ in range(passes):
            read() if method == "read" else write()

    def poison():
        landing.fill(0xFF)
        if method == "write":
            scratch.write(landing)

    def verify():
        if method == "write":
            if tier == "storage":
                scratch.evict()
            landing.fill(0xFF)
            scratch.read(landing)
        return bool(np.array_equal(landing, data))

    checks = {"poison": poison, "verify": verify, "close": scratch.close}
    if (method, tier) == ("read", "storage"):
        return host.single(read, work=bytes, before=scratch.evict, **checks)
    return host.call(repeat, work=bytes, **checks)
