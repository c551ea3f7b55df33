"""Gathers of a real workload: the features of mini-batches of a sampled graph."""

from pathlib import Path

from gridstone import content, gpu_memory, observed, package, probe, values
from gridstone.host import usable_cores

_rows = content.load_module(Path(__file__).with_name("_gathering.py"))


def _on_device(axes):
    """Bytes: 64 a vertex for its edges, 2 GiB for batches and products, and the table where that lies there."""
    table = axes["row_bytes"] << axes["bits"] if axes["method"] == "device" else 0
    return (64 << axes["bits"]) + (2 << 30) + table


@probe(
    "gather/zero_copy.cu",
    family="gather",
    method=values([*_rows.METHODS[:3], "bulk", "bulk_lines", "staged", "device"], quick=["masked", "staged"]),
    bits=values([21, 24], quick=[21], open=True, low=12, high=25),
    row_bytes=values([1200], open=True, unit="B", low=128, multiple=16),
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=[
        observed(name="time", unit="s"),
        observed(name="time_products", unit="s"),
        observed(name="time_both", unit="s"),
        observed(name="time_epoch", unit="s"),
        observed(name="hidden", unit="1", better="higher"),
        observed(name="bandwidth", unit="B/s", better="higher"),
    ],
    sass=_rows.SASS,  # compiled for every method: not used on the host's way, and plain for the table on the GPU
    needs=[
        _rows.bulk_needs(),
        package(lambda axes: "numba"),
        _rows.tables_by(lambda axes: axes["row_bytes"] << axes["bits"]),
        gpu_memory(_on_device),
    ],
    budget=3.0,  # each process makes the graph at its first visit, and page-locks the table
)
def epoch(gpu, *, method, bits, row_bytes, vector, unroll):
    """Features of mini-batches of an R-MAT graph brought to the GPU, per batch, alone and beside matrix products.

    2^bits vertices, eight edges each: at 24 bits 17 million, 134 million and 20 GB of features, at 21 what a smaller
    host has room for. Batches of 1,024 seeds and two layers of ten sampled neighbours; a row of `row_bytes` for each
    vertex. time_epoch: of the data alone, with every vertex a seed once. hidden: the share of the data's time that
    the products of a hidden layer of 256 hide.
    """
    return _rows.runner("epoch").epoch(
        gpu, method=method, bits=bits, row_bytes=row_bytes, vector=vector, threads=usable_cores()
    )
