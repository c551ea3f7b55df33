"""Which MPI libraries this machine has, how ranks are started, and what they can do with the memory of a GPU."""

from gridstone.ranks.attempts import ABILITIES, unable, unstarted
from gridstone.ranks.cuda import Ucx, cuda_variables, driver_here, ucx_with_cuda, without_cuda
from gridstone.ranks.installed import (
    LIBRARIES,
    Installation,
    absent,
    elsewhere,
    in_folder,
    in_slurm,
    installations,
    places,
)
from gridstone.ranks.settings import misconfigured

__all__ = [
    "ABILITIES",
    "LIBRARIES",
    "Installation",
    "Ucx",
    "absent",
    "cuda_variables",
    "driver_here",
    "elsewhere",
    "in_folder",
    "in_slurm",
    "installations",
    "misconfigured",
    "places",
    "ucx_with_cuda",
    "unable",
    "unstarted",
    "without_cuda",
]
