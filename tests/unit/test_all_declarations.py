"""What all declarations of this release must keep so that their rows can be stored."""

from __future__ import annotations

import subprocess
import sys

from gridstone.declaration import PROFILE_NAMES
from gridstone.plan.catalogue import load_probes
from gridstone.store import COLUMNS


def test_no_axis_has_the_name_of_a_results_column() -> None:
    clashes = [f"{probe.name}: {axis.name}" for probe in load_probes() for axis in probe.axes if axis.name in COLUMNS]
    assert not clashes


def test_declarations_are_listed_without_numpy() -> None:
    script = (
        "import sys\n"
        "from gridstone.cli.faults import main\n"
        "sys.argv = ['gridstone', 'list']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('numpy._core' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_every_probe_has_cells_in_every_profile() -> None:
    empty = [
        (probe.name, profile) for probe in load_probes() for profile in PROFILE_NAMES if not any(probe.points(profile))
    ]
    assert not empty
