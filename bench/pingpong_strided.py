"""Strided blocks from the memory of one rank's GPU to that of another's."""

from gridstone import Unavailable, bandwidth, content, gpu_memory, probe, seconds, values
from gridstone.declaration import Metric
from gridstone.declaration.over_ranks import enough, is_first, libraries

_LIBRARY = libraries()
_LAYOUTS = content.folder("runners") / "layouts.py"  # those that packing is measured over
_METHODS = ["one_shot", "device", "staged"]
_NO_COPY = "nothing is copied between host and device"


def _strided(rank, *, method, bytes, block, stride):
    exchange = content.load_module(content.folder("runners") / "mpi_strided.py")
    form = content.load_module(_LAYOUTS).box(bytes, block, stride, 2)
    return exchange.round_trips(rank, form, method)


def _phase(name, absent=_NO_COPY):
    """Seconds of one phase on the first rank, where the method has it."""

    def reduce(samples):
        if f"time_{name}" not in samples.observed:
            raise Unavailable(absent)
        return samples.observed[f"time_{name}"]

    return Metric(name=f"time_{name}", unit="s", better="lower", reduce=reduce)


def _packing_rate(samples):
    return samples.work / samples.observed["time_pack"]


def _of_zero_copy(samples):
    if "time_zero_copy" not in samples.observed:
        raise Unavailable("packs into device memory")
    return samples.observed["time_zero_copy"] / samples.observed["time_pack"]


@probe(
    None,
    family="pingpong",
    runner="on_mpi",
    library=_LIBRARY,
    memory=["device"],
    tier=values(["gpu", "node"]),
    method=_METHODS,
    bytes=values(
        [4 << 10, 32 << 10, 256 << 10, 2 << 20, 16 << 20],
        quick=[4 << 10, 2 << 20],
        full=[1 << 10 << i for i in range(16)],
        open=True,
        unit="B",
    ),
    block=values([8, 64, 512, 4096], quick=[64, 512], full=[4**i for i in range(7)], open=True, unit="B"),
    stride=values([1024, 8192], quick=[1024], full=[128, 512, 1024, 4096, 8192], open=True, unit="B"),
    measures=[
        seconds(),
        bandwidth(),
        *(_phase(name) for name in ("pack", "exchange", "unpack", "copy")),
        Metric(name="bandwidth_pack", unit="B/s", better="higher", reduce=_packing_rate),
        Metric(name="zero_copy_share", unit="1", better="higher", reduce=_of_zero_copy),
    ],
    needs=[
        *enough(2, lambda axes: "messages" if axes["method"] == "device" else "kernels"),
        gpu_memory(lambda axes: 4 * axes["bytes"] // axes["block"] * axes["stride"]),
    ],
    where=lambda library, memory, tier, method, bytes, block, stride: (
        block < stride and bytes % block == 0 and bytes >= 2 * block and bytes // block * stride <= 1 << 26
    ),
    standard=lambda library, **_: is_first(library, _LIBRARY),
    fits="send",
    budget=0.15,
)
def strided(mpi, *, library, memory, tier, method, bytes, block, stride):
    """Blocks in one rank's GPU memory packed, sent, received and unpacked in the other's; half a round trip.

    `one_shot`: a kernel packs into page-locked host memory, MPI sends that, a kernel unpacks from there. `device`:
    packed in device memory, which a CUDA-aware MPI sends. `staged`: packed in device memory, copied to the host, sent,
    copied back. Phases are those of the first rank, `time_exchange` what is left of half a round trip.
    `zero_copy_share` is the rate of one-shot packing over that of contiguous bytes into the same host memory.
    """
    axes = {"method": method, "bytes": bytes, "block": block, "stride": stride}
    gpu = "aware" if method == "device" else "beside"
    return mpi.work(_strided, library=library, tier=tier, gpu=gpu, ranks=2, axes=axes, work=bytes)
