"""What kernels read that is no argument (methods of `on_cupy.Gpu`): constant memory and textures."""

from __future__ import annotations

from typing import Any

import cupy as cp
import numpy as np
from cuda.bindings import driver

from gridstone import Unavailable
from gridstone.units import format_bytes


def copy_to_constant(gpu: Any, name: str, words: Any, loaded: Any = None) -> None:
    """Copy a device array to a `__constant__` array of the cell's kernel file, or of another loading of it.

    Raises Unavailable where it is larger than that.
    """
    status, address, size = driver.cuLibraryGetGlobal((loaded or gpu.loaded).handle, name.encode())
    if status != 0:
        raise RuntimeError(f"no __constant__ {name} in the kernel ({status})")
    if words.nbytes > size:
        raise Unavailable(f"needs {format_bytes(words.nbytes)} of constant memory, there are {format_bytes(int(size))}")
    kind = cp.cuda.runtime.memcpyDeviceToDevice
    cp.cuda.runtime.memcpyAsync(int(address), words.data.ptr, words.nbytes, kind, gpu.stream.ptr)


def linear_texture(gpu: Any, words: Any) -> Any:
    """A texture object over a uint32 device array, as the handle that a kernel takes."""
    channel = cp.cuda.texture.ChannelFormatDescriptor(32, 0, 0, 0, cp.cuda.runtime.cudaChannelFormatKindUnsigned)
    kind = cp.cuda.runtime.cudaResourceTypeLinear
    resource = cp.cuda.texture.ResourceDescriptor(kind, arr=words, chDesc=channel, sizeInBytes=words.nbytes)
    descriptor = cp.cuda.texture.TextureDescriptor(
        addressModes=(cp.cuda.runtime.cudaAddressModeClamp,),
        readMode=cp.cuda.runtime.cudaReadModeElementType,
    )
    gpu.textures.append(cp.cuda.texture.TextureObject(resource, descriptor))
    return np.uint64(gpu.textures[-1].ptr)
