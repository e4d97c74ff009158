"""The soak of benchmarks/soak.py, for 40 seconds: all its faults once, and every promise that it watches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "soak.py"


@pytest.mark.slow
def test_sums_hold_among_faults() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seconds", "40", "--rate", "200"], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["broken"] == 0
    assert report["snapshots"] > 20
    assert report["processes"] >= 2
    assert report["flows.stored"] > 1000
    assert report["compared_datagrams"] >= 1
    assert report["datagrams.rejected"] > 0
    assert report["sequence.lost"] > 0
