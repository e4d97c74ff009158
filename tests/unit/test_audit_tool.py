"""What the audit of dependencies says: weaknesses fail it, what could not be looked up is told and does not."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "audit.py"
_spec = importlib.util.spec_from_file_location("audit", TOOL)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
verdict = _module.verdict

SOUND = {"name": "numpy", "version": "2.4", "vulns": []}
WEAK = {"name": "old", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
UNKNOWN = {"name": "local", "skip_reason": "Dependency not found on PyPI"}


def test_weaknesses_fail_and_are_named() -> None:
    assert verdict({"dependencies": [SOUND, WEAK, UNKNOWN]}) == (
        1,
        ["old 1.0: PYSEC-1, mended in 1.1, 2.0", "audit: 1 known weaknesses in 2 packages"],
    )


def test_what_was_not_looked_up_is_counted() -> None:
    assert verdict({"dependencies": [SOUND, UNKNOWN]}) == (
        0,
        ["audit: no known weakness in 1 packages; 1 could not be looked up"],
    )


def test_nothing_looked_up_does_not_read_as_passed() -> None:
    code, (line,) = verdict({"dependencies": [UNKNOWN, UNKNOWN]})
    assert code == 0
    assert line == "audit: skipped: none of 2 packages is in the database that can be reached from here"


def test_a_program_that_cannot_run_is_told_and_no_failure(tmp_path: Path) -> None:
    command = [sys.executable, str(TOOL), str(tmp_path / "absent"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert done.stderr == "audit: skipped: the database of weaknesses cannot be reached from here\n"
