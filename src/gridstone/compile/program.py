"""CUDA C++ to a cubin, by NVRTC through cuda-core and its program cache."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridstone.compile.tools import headers
from gridstone.content import folder
from gridstone.errors import GridstoneError
from gridstone.plan.source import source_closure

_USED = re.compile(r"Used (\d+) registers")
_SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_SERIALISED = re.compile(r".*\bC75(?:10|19)\b.*")


class CompileError(GridstoneError):
    """A kernel does not compile; the message is the compiler's first error, `log` all of it."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True, kw_only=True)
class Binary:
    """A compiled kernel file and what the assembler said of it. Sizes in bytes."""

    cubin: bytes
    arch: str
    registers: int
    stack: int
    spills: int
    warnings: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Digest of the exact machine code that runs."""
        return hashlib.sha256(self.cubin).hexdigest()


def cache_folder() -> Path:
    """`$GRIDSTONE_CACHE`, else `gridstone` below the user's cache folder."""
    given = os.environ.get("GRIDSTONE_CACHE")
    return (
        Path(given)
        if given
        else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "gridstone"
    )


@functools.cache
def program_cache() -> Any:
    """cuda-core's on-disk cache: cubins, assembler logs and gate verdicts by key."""
    from cuda.core.utils import FileStreamProgramCache

    path = cache_folder()
    path.mkdir(parents=True, exist_ok=True)
    return FileStreamProgramCache(path=path)


def compile_kernel(source: Path, defines: Mapping[str, str], arch: str) -> Binary:
    """Compile one kernel file for a target such as `sm_90a`. Raises CompileError."""
    from cuda.core import Program, ProgramOptions
    from cuda.core.utils import make_program_cache_key

    closure = hashlib.sha256()
    for file in source_closure(source):
        closure.update(file.read_bytes())
    options = ProgramOptions(
        name=str(source),
        arch=arch,
        std="c++17",
        include_path=[str(source.parent), str(folder("kernels_cuda") / "include"), str(headers())],
        define_macro=sorted(defines.items()) or None,
        ptxas_options=["-v"],
    )
    code = source.read_text()
    key = make_program_cache_key(
        code=code, code_type="c++", options=options, target_type="cubin", extra_digest=closure.digest()
    )
    log_key = hashlib.blake2b(key + b"log", digest_size=32).digest()
    cache = program_cache()
    cubin, log = cache.get(key), cache.get(log_key)
    if cubin is None or log is None:
        written = io.StringIO()
        try:
            cubin = bytes(Program(code, "c++", options).compile("cubin", logs=written).code)
        except Exception as error:
            raise _failure(source, f"{written.getvalue()}\n{error}") from error
        log = written.getvalue().encode()
        cache[key], cache[log_key] = cubin, log or b"\n"
    return _binary(bytes(cubin), arch, bytes(log).decode())


def _binary(cubin: bytes, arch: str, log: str) -> Binary:
    frames = [tuple(map(int, m.groups())) for m in _SPILLS.finditer(log)]
    return Binary(
        cubin=cubin,
        arch=arch,
        registers=max((int(m[1]) for m in _USED.finditer(log)), default=0),
        stack=max((f[0] for f in frames), default=0),
        spills=max((f[1] + f[2] for f in frames), default=0),
        warnings=tuple(line for line in log.splitlines() if _SERIALISED.match(line)),
    )


def _failure(source: Path, log: str) -> CompileError:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    first = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no message")
    return CompileError(f"{source.name} does not compile: {first}", log)
