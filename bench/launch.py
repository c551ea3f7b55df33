"""What it costs to start work on the GPU: by front end, as graphs, and to wait for it."""

from gridstone import Unavailable, package, pow2, probe, seconds, values

_PACKAGES = {"cupy": "cupy", "cuda_core": "cuda", "numba": "numba_cuda", "pycuda": "pycuda"}
_BURST = 200


def _through_cupy(gpu):
    module = gpu.cp.cuda.function.Module()
    module.load(gpu.cubin)
    kernel = module.get_function("probe")
    return lambda: kernel((1,), (1,), (), stream=gpu.stream)


def _through_cuda_core(gpu):
    return lambda: gpu.enqueue(gpu.kernel, 1, 1, [])


def _through_numba(gpu):
    from numba import cuda

    def empty():
        pass

    try:  # numba-cuda loads the rest of itself at the first launch, and may not fit the NumPy that is here
        launcher = cuda.jit(empty)[1, 1, cuda.external_stream(gpu.stream.ptr)]
        launcher()
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"this numba-cuda does not work here: {error}") from None
    return launcher


def _through_pycuda(gpu):
    import pycuda.autoprimaryctx  # noqa: F401
    import pycuda.driver as driver

    kernel = driver.module_from_buffer(gpu.cubin).get_function("probe")
    kernel.prepare("")
    stream = driver.Stream()
    return lambda: kernel.prepared_async_call((1, 1), (1, 1, 1), stream)


_FRONT_ENDS = {
    "cupy": _through_cupy,
    "cuda_core": _through_cuda_core,
    "numba": _through_numba,
    "pycuda": _through_pycuda,
}


@probe(
    "launch/empty.cu",
    library=["cupy", "cuda_core", "numba", "pycuda"],
    method=["submit", "round_trip"],
    measures=seconds(),
    needs=[package(lambda axes: _PACKAGES[axes["library"]])],
    budget=6.0,  # the first visit of each process imports the library
)
def kernel(gpu, *, library, method):
    """An empty kernel: time per launch back to back, or from the launch until the host knows that it ran."""
    start = _FRONT_ENDS[library](gpu)

    def submit():
        for _ in range(_BURST):
            start()
        gpu.cp.cuda.runtime.deviceSynchronize()

    def round_trip():
        start()
        gpu.cp.cuda.runtime.deviceSynchronize()

    if method == "submit":
        return gpu.host_call(submit, work=1, calls=_BURST)
    return gpu.host_call(round_trip, work=1)


@probe(
    "launch/empty.cu",
    count=pow2("1", "1024", per_octave=1, unit=None),
    method=["linear", "parallel"],
    measures=seconds(),
    where=lambda count, method: method == "linear" or count >= 4,
)
def graph(gpu, *, count, method):
    """A graph of `count` empty kernels, one after the other or on four branches: device time of the whole graph."""
    cp, stream = gpu.cp, gpu.stream
    module = cp.cuda.function.Module()
    module.load(gpu.cubin)
    empty = module.get_function("probe")
    stream.begin_capture()
    if method == "linear":
        for _ in range(count):
            empty((1,), (1,), (), stream=stream)
    else:
        _branches(cp, stream, empty, count)
    captured = stream.end_capture()
    captured.upload(stream)
    return gpu.call(lambda: captured.launch(stream), work=1, keep=module)


def _branches(cp, stream, empty, count):
    sides = [cp.cuda.Stream(non_blocking=True) for _ in range(4)]
    fork = cp.cuda.Event(disable_timing=True)
    fork.record(stream)
    for side in sides:
        side.wait_event(fork)
    for i in range(count):
        empty((1,), (1,), (), stream=sides[i % 4])
    for side in sides:
        joined = cp.cuda.Event(disable_timing=True)
        joined.record(side)
        stream.wait_event(joined)


@probe(
    None,
    method=values(
        ["event_record", "event_synchronize", "stream_synchronize", "device_synchronize", "stream_wait_event"]
    ),
    measures=seconds(),
)
def sync(gpu, *, method):
    """Host time of one call on an idle stream."""
    event = gpu.cp.cuda.Event(disable_timing=True)
    event.record(gpu.stream)
    gpu.stream.synchronize()
    calls = {
        "event_record": lambda: event.record(gpu.stream),
        "event_synchronize": event.synchronize,
        "stream_synchronize": gpu.stream.synchronize,
        "device_synchronize": gpu.cp.cuda.runtime.deviceSynchronize,
        "stream_wait_event": lambda: gpu.stream.wait_event(event),
    }
    return gpu.host_call(calls[method], work=1)
