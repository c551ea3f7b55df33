"""CUDA C++ to a cubin, by NVRTC through cuda-core and its program cache."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridstone.compile.cache import derived_key, keep, recall
from gridstone.compile.tools import headers
from gridstone.content import folder
from gridstone.errors import GridstoneError
from gridstone.plan.source import source_closure

_USED = re.compile(r"Used (\d+) registers")
_SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_SHARED = re.compile(r"(\d+) bytes smem")
_ERROR = re.compile(r"\berror *:")
_SERIALISED = re.compile(r".*\bC75(?:10|19)\b.*")


class CompileError(GridstoneError):
    """A kernel does not compile; the message is the compiler's first error, `log` all of it."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


@dataclass(frozen=True, kw_only=True)
class Binary:
    """A compiled kernel file and what the assembler said of it: the most that any of its kernels takes.

    Sizes in bytes; `shared` is the static shared memory. `warnings`: wgmma that had to be serialised.
    """

    cubin: bytes
    arch: str
    registers: int
    stack: int
    spills: int
    shared: int
    warnings: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Digest of the exact machine code that runs."""
        return hashlib.sha256(self.cubin).hexdigest()


def compile_kernel(source: Path, defines: Mapping[str, str], arch: str) -> Binary:
    """Compile one kernel file for a target such as `sm_90a`, or recall it from the cache. Raises CompileError."""
    try:
        from cuda.core import Program, ProgramOptions
        from cuda.core.utils import make_program_cache_key
    except ImportError as error:
        raise CompileError(f"cuda-core is missing: pip install 'gridstone[cuda13]' ({error})", "") from None
    options = ProgramOptions(
        name=str(source),
        arch=arch,
        std="c++17",
        include_path=[str(source.parent), str(folder("kernels_cuda") / "include"), str(headers())],
        define_macro=sorted(defines.items()) or None,
        ptxas_options=["-v"],
    )
    code = source.read_text(encoding="utf-8")
    closure = derived_key(file.read_bytes() for file in source_closure(source))
    key = make_program_cache_key(code=code, code_type="c++", options=options, target_type="cubin", extra_digest=closure)
    log_key = derived_key([key, "log"])
    cubin, log = recall(key), recall(log_key)
    if cubin is None or log is None:
        written = io.StringIO()
        try:
            cubin = bytes(Program(code, "c++", options).compile("cubin", logs=written).code)
        except Exception as error:
            raise _failure(source, f"{written.getvalue()}\n{error}") from error
        log = written.getvalue().encode() or b"\n"
        keep(key, cubin)
        keep(log_key, log)
    return _binary(cubin, arch, log.decode())


def _binary(cubin: bytes, arch: str, log: str) -> Binary:
    frames = [tuple(map(int, m.groups())) for m in _SPILLS.finditer(log)]
    return Binary(
        cubin=cubin,
        arch=arch,
        registers=max((int(m[1]) for m in _USED.finditer(log)), default=0),
        stack=max((f[0] for f in frames), default=0),
        spills=max((f[1] + f[2] for f in frames), default=0),
        shared=max((int(m[1]) for m in _SHARED.finditer(log)), default=0),
        warnings=tuple(line for line in log.splitlines() if _SERIALISED.match(line)),
    )


def _failure(source: Path, log: str) -> CompileError:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    first = next((line for line in lines if _ERROR.search(line)), lines[0])
    return CompileError(f"{source.name} does not compile: {first}", log)
