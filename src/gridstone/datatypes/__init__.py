"""MPI derived datatypes as strided blocks: decoded, reduced, packed and unpacked."""

from gridstone.datatypes.decode import canonical
from gridstone.datatypes.either import pack, unpack
from gridstone.datatypes.strided import Irregular, Strided

__all__ = ["Irregular", "Strided", "canonical", "pack", "unpack"]
