"""The gate's verdicts, kept: a kernel is disassembled once for its contracts, not once for each run."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gridstone.compile.cache import derived_key, keep, recall
from gridstone.compile.disassembly import nvdisasm_version
from gridstone.compile.gate import Verdict, check_all
from gridstone.compile.program import Binary
from gridstone.declaration import Contract


def judge(claims: Sequence[tuple[Binary, Sequence[Contract]]]) -> list[Verdict]:
    """`check_all`, recalled where nothing a verdict depends on has changed. Raises ToolMissing without nvdisasm."""
    keys = [_key(binary, contracts) if contracts else b"" for binary, contracts in claims]
    kept = [recall(key) if key else None for key in keys]
    missing = [i for i, answer in enumerate(kept) if answer is None]
    found = dict(zip(missing, check_all([claims[i] for i in missing]), strict=True))
    for i, verdict in found.items():
        if keys[i]:
            keep(keys[i], json.dumps(asdict(verdict)).encode())
    return [found[i] if answer is None else _read(answer) for i, answer in enumerate(kept)]


def _key(binary: Binary, contracts: Sequence[Contract]) -> bytes:
    claims = json.dumps([asdict(contract) for contract in contracts])
    warnings = json.dumps([binary.spills, *binary.warnings])
    return derived_key([binary.cubin, claims, warnings, nvdisasm_version(), _gate_digest()])


def _read(kept: bytes) -> Verdict:
    found = json.loads(kept)
    return Verdict(**{**found, "problems": tuple(found["problems"])})


@functools.cache
def _gate_digest() -> str:
    """Digest of the code that judges: a stricter gate must not be answered by an older one's verdicts."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
