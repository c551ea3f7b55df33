"""Loading: numpy alone, quickly, and one line for every way a folder can be broken."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fitted_machine import model_folder

import gridstone
from gridstone.model import ModelError, load

_PROBE = """
import sys
import gridstone.model
model = gridstone.model.load(sys.argv[1])
model.transfer_time(src="host", dst="device", bytes=5000)
heavy = {"pandas", "scipy", "pyarrow", "sklearn", "typer", "numba"} & set(sys.modules)
assert not heavy, heavy
allowed = set(sys.stdlib_module_names) | {"numpy", "gridstone", "__main__"}
foreign = {name.split(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)} - allowed
print(" ".join(sorted(foreign)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder(), tmp_path / "model"))


def test_a_consumer_imports_numpy_and_nothing_else():
    source = str(Path(gridstone.__file__).parents[1])
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {source!r})\n{_PROBE}", str(model_folder())]
    # -S keeps out what the environment's own start-up files import; numpy then needs its path said.
    site = str(Path(np.__file__).parents[1])
    command[2] = f"import sys; sys.path.append({site!r})\n" + command[2]
    done = subprocess.run([command[0], "-S", *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def edit(folder: Path, change) -> None:
    path = folder / "model.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def replace_arrays(folder: Path, content: bytes) -> None:
    """Other arrays, with the hash that fits them."""
    (folder / "arrays.npz").write_bytes(content)
    edit(folder, lambda d: d.update(arrays_sha256=hashlib.sha256(content).hexdigest()))


def without_a_law(folder: Path, keep=None) -> bytes:
    with np.load(folder / "arrays.npz") as archive:
        arrays = {name: archive[name] for name in archive.files if name != "memory_time/0/knots"}
    packed = io.BytesIO()
    np.savez(packed, **arrays, **({} if keep is None else {"memory_time/0/knots": keep}))
    return packed.getvalue()


BREAKAGES = {
    "no folder": (lambda f: shutil.rmtree(f), "no such folder"),
    "no model.json": (lambda f: (f / "model.json").unlink(), "not a gridstone model"),
    "no arrays": (lambda f: (f / "arrays.npz").unlink(), "cannot be read"),
    "bad JSON": (lambda f: (f / "model.json").write_text("{"), "cannot be read"),
    "binary JSON": (lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00"), "cannot be read"),
    "another JSON": (lambda f: (f / "model.json").write_text("[1]"), "names no format"),
    "another format": (lambda f: edit(f, lambda d: d.update(format=99)), "model format 99"),
    "truncated arrays": (lambda f: (f / "arrays.npz").write_bytes((f / "arrays.npz").read_bytes()[:100]), "truncated"),
    "arrays of another fit": (lambda f: edit(f, lambda d: d.update(arrays_sha256="0" * 64)), "another fit"),
    "arrays that are no archive": (lambda f: replace_arrays(f, b"PK\x03\x04 and then nothing"), "no arrays of a model"),
    "arrays of one law too few": (lambda f: replace_arrays(f, without_a_law(f)), "damaged or edited"),
    "arrays of the wrong shape": (lambda f: replace_arrays(f, without_a_law(f, keep=np.ones((2, 9)))), "has the shape"),
    "a key is gone": (lambda f: edit(f, lambda d: d.pop("functions")), "damaged or edited"),
    "a law is damaged": (
        lambda f: edit(f, lambda d: d["functions"]["memory_time"]["laws"][0].pop("axes")),
        "damaged or edited",
    ),
    "a parameter is a word": (
        lambda f: edit(f, lambda d: d["functions"]["memory_time"]["laws"][0]["parameters"].update(granule="x")),
        r"damaged or edited \(functions.memory_time.laws.0.parameters.granule is no number",
    ),
    "a number is none": (
        lambda f: edit(f, lambda d: d["functions"]["memory_time"]["laws"][0]["interval"].update(factor=float("nan"))),
        "interval.factor is no number",
    ),
    "laws are not told apart": (
        lambda f: edit(f, lambda d: d["functions"]["memory_time"]["laws"][0]["keys"].popitem()),
        "the laws of memory_time are not told apart by the same words",
    ),
    "absent is a list": (lambda f: edit(f, lambda d: d.update(absent=[])), "absent is no object"),
    "a cost is below nothing": (
        lambda f: edit(
            f, lambda d: d.update(decisions={"gather": dict.fromkeys(("n", "mean", "p95", "max", "hit"), -1)})
        ),
        "decisions.gather.n is -1, which it cannot be",
    ),
    "functions are no mapping": (lambda f: edit(f, lambda d: d.update(functions=[1])), "damaged or edited"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_broken_folder_gets_one_line(folder, name):
    break_it, message = BREAKAGES[name]
    break_it(folder)
    with pytest.raises(ModelError, match=message) as error:
        load(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
