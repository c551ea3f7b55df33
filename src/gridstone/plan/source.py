"""What a probe runs, found and hashed: its kernel file with every header it draws in, or its Python body."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import textwrap
from pathlib import Path

from gridstone.content import ContentError, folder
from gridstone.declaration import Probe

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def kernel_path(probe: Probe) -> Path | None:
    """The kernel file of a probe, None where nothing is compiled. ContentError where it is missing.

    Searched in order: the folder of the declaration, a `kernels_cuda` folder beside that one, and the
    kernels that gridstone brings.
    """
    if probe.source is None:
        return None
    here = probe.file.resolve().parent
    places = list(dict.fromkeys((here, here.parent / "kernels_cuda", folder("kernels_cuda"))))
    for place in places:
        if (place / probe.source).is_file():
            return place / probe.source
    raise ContentError(f"{probe.file}: no kernel {probe.source} in {', '.join(map(str, places))}")


def source_closure(path: Path) -> list[Path]:
    """A kernel file and every header it includes by `#include "..."`, each once, in the order of inclusion.

    Headers are looked up beside the including file, beside the kernel, then in `kernels_cuda/include`. One
    that is in none of them belongs to the CUDA toolkit and is left out.
    """
    files: dict[Path, None] = {}
    waiting = [path.resolve()]
    while waiting:
        file = waiting.pop()
        if file in files:
            continue
        files[file] = None
        places = (file.parent, path.parent, folder("kernels_cuda") / "include")
        included = [
            next((place / name for place in places if (place / name).is_file()), None)
            for name in _INCLUDE.findall(file.read_text(encoding="utf-8"))
        ]
        waiting.extend(header.resolve() for header in reversed(included) if header is not None)
    return list(files)


def source_digest(probe: Probe) -> str:
    """SHA-256 over what a probe runs, in hexadecimal: the contents of its closure, or of its Python body.

    Independent of where the files lie, so that a checkout and a wheel give a cell the same id. ContentError
    where the source cannot be found.
    """
    path = kernel_path(probe)
    if path is None:
        return hashlib.sha256(_body_text(probe).encode()).hexdigest()
    contents = (hashlib.sha256(file.read_bytes()).digest() for file in source_closure(path))
    return hashlib.sha256(b"".join(contents)).hexdigest()


def _body_text(probe: Probe) -> str:
    """The body without its decorator, so that a longer list of axis values keeps the ids of known cells."""
    try:
        text = textwrap.dedent(inspect.getsource(probe.body))
    except OSError as error:
        raise ContentError(f"{probe.name}: the source of its body cannot be read: {error}") from error
    function = ast.parse(text).body[0]
    return "\n".join(text.splitlines()[function.lineno - 1 :])
