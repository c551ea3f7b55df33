"""A model folder as it lies on disk: model.json and arrays.npz, read and checked."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.document import flaw
from gridstone.model.law import Law
from gridstone.model.prediction import ModelError
from gridstone.model.trend import recorded

FORMAT = 2
JSON_NAME = "model.json"
ARRAYS_NAME, HOLDOUT_NAME = "arrays.npz", "holdout.parquet"
_LISTED = 24


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A headline figure of the machine: value and interval in `unit`, and the probe that measured it."""

    value: float
    lo: float
    hi: float
    unit: str
    probe: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the machine is (`identity`, from run.json) and its headline figures (`measured`, by name)."""

    identity: Mapping[str, Any]
    measured: Mapping[str, Fact]


@dataclass(frozen=True, kw_only=True)
class Function:
    """One fitted function: its laws by choice of words, how good it is and what it came from."""

    name: str
    form: str
    laws: tuple[Law, ...]
    quality: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def law(self, **keys: str | bool) -> Law:
        """The law for a choice of words. Raises UsageError that names the nearest choice there is."""
        for name, value in keys.items():
            known = list(dict.fromkeys(law.keys[name] for law in self.laws))
            if value not in known:
                hint = nearest(str(value), known)
                raise UsageError(f"{self.name}: {name}={value} is not in this model{hint}")
        for law in self.laws:
            if law.keys == keys:
                return law
        asked = ", ".join(f"{k}={v}" for k, v in keys.items())
        raise UsageError(f"{self.name}: {asked} was not measured together: see `gridstone ask MODEL`")

    def has(self, **keys: str | bool) -> bool:
        """Whether there is a law for this choice of words."""
        return any(law.keys == keys for law in self.laws)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """Everything that a model folder holds. absent: the functions that the runs could not feed, and why. decisions: by
    name of a decision of `gridstone.advise`, what its choices cost over the best on cells that were held out."""

    facts: Facts
    functions: Mapping[str, Function]
    absent: Mapping[str, str]
    runs: tuple[Mapping[str, Any], ...]
    decisions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def function(self, name: str) -> Function:
        """A fitted function. Raises ModelError where no run fed it, UsageError for an unknown name."""
        if name in self.functions:
            return self.functions[name]
        if name in self.absent:
            raise ModelError(f"{name} is not in this model: {self.absent[name]}")
        raise UsageError(f"no function {name}{nearest(name, self.functions)}")


def read(folder: str | Path) -> Artifact:
    """A model folder. Raises ModelError where a file is missing, broken, foreign or of another format."""
    path = Path(folder)
    if not path.is_dir():
        raise ModelError(f"{path}: no such folder: write one with `gridstone fit RUN -o {path}`")
    document = _document(path / JSON_NAME)
    arrays = _arrays(path / ARRAYS_NAME, document.get("arrays_sha256"))
    try:
        return Artifact(
            facts=_facts(document["facts"]),
            functions={n: _function(n, f, arrays) for n, f in document["functions"].items()},
            absent=document["absent"],
            runs=tuple(document["runs"]),
            decisions=document.get("decisions", {}),
        )
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path / JSON_NAME}: damaged or edited ({error}): fit the model again") from error


def nearest(given: str, known: Iterable[Any]) -> str:
    """`: did you mean 'read'? (copy, read, write)`, for the end of an error message."""
    names = sorted(str(k) for k in known)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    listed = (
        ", ".join(names) if len(names) <= _LISTED else f"{', '.join(names[:_LISTED])} and {len(names) - _LISTED} more"
    )
    listed = listed or "none"
    return f": did you mean {close[0]}? (there are: {listed})" if close else f" (there are: {listed})"


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent}: not a gridstone model (it has no {JSON_NAME})") from None
    except PermissionError:
        raise ModelError(f"{path}: no permission to read it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error}): fit the model again") from error
    if not isinstance(document, dict) or "format" not in document:
        raise ModelError(f"{path}: not a gridstone model (it names no format)")
    if document["format"] != FORMAT:
        raise ModelError(
            f"{path}: model format {document['format']}, this gridstone reads format {FORMAT}: "
            "fit the model again, or use the gridstone version that wrote it"
        )
    wrong = flaw(document)
    if wrong is not None:
        raise ModelError(f"{path}: damaged or edited ({wrong}): fit the model again")
    return document


def _arrays(path: Path, digest: Any) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except PermissionError:
        raise ModelError(f"{path}: no permission to read it") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}): fit the model again") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path}: truncated, or of another fit than {JSON_NAME}: copy the folder again")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: no arrays of a model ({error}): fit the model again") from error


def _facts(record: Mapping[str, Any]) -> Facts:
    measured = {name: Fact(**fact) for name, fact in record["measured"].items()}
    return Facts(identity=record["identity"], measured=measured)


def _function(name: str, record: Mapping[str, Any], arrays: Mapping[str, Any]) -> Function:
    laws = tuple(_law(r, arrays) for r in record["laws"])
    if any(law.keys.keys() != laws[0].keys.keys() for law in laws):
        raise TypeError(f"the laws of {name} are not told apart by the same words")
    return Function(
        name=name,
        form=record["form"],
        laws=laws,
        quality=record["quality"],
        provenance=record["provenance"],
    )


def _law(record: Mapping[str, Any], arrays: Mapping[str, Any]) -> Law:
    for part, columns in (("knots", 2), ("points", 4)):
        shape = arrays[f"{record['arrays']}/{part}"].shape
        if len(shape) != 2 or shape[0] == 0 or shape[1] != len(record["axes"]) + columns:
            raise TypeError(f"{record['arrays']}/{part} has the shape {shape}")
    return Law(
        keys=record["keys"],
        axes=tuple(record["axes"]),
        unit=record["unit"],
        form=record["form"],
        knots=arrays[f"{record['arrays']}/knots"],
        points=arrays[f"{record['arrays']}/points"],
        factor=record["interval"]["factor"],
        level=record["interval"]["level"],
        per_octave=record["interval"]["per_octave"],
        noise=record["noise_floor"]["value"],
        trend=recorded(record["trend"], len(record["axes"])),
        bridged=record.get("bridged", False),
        free={name: (box[0], box[1]) for name, box in record["free"].items()},
        parameters=record["parameters"],
        quality=record["quality"],
        probes=tuple(record["probes"]),
    )
