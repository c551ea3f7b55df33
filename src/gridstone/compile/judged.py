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
from gridstone.compile.gate import Verdict, check
from gridstone.compile.program import Binary
from gridstone.declaration import Contract


def judge(binary: Binary, contracts: Sequence[Contract]) -> Verdict:
    """`check`, recalled where nothing it depends on has changed. Raises ToolMissing without nvdisasm."""
    if not contracts:
        return check(binary, contracts)
    claims = json.dumps([asdict(contract) for contract in contracts])
    warnings = json.dumps([binary.spills, *binary.warnings])
    key = derived_key([binary.cubin, claims, warnings, nvdisasm_version(), _gate_digest()])
    kept = recall(key)
    if kept is not None:
        found = json.loads(kept)
        return Verdict(problems=tuple(found["problems"]), listing=found["listing"])
    verdict = check(binary, contracts)
    keep(key, json.dumps(asdict(verdict)).encode())
    return verdict


@functools.cache
def _gate_digest() -> str:
    """Digest of the code that judges: a stricter gate must not be answered by an older one's verdicts."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
