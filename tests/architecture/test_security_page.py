"""SECURITY.md: every threat has a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_threat_names_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = [line for line in text.partition("## Limits")[0].splitlines() if line.startswith("| ")]
    threats = [row for row in rows if not row.startswith(("| threat", "| ---"))]
    assert len(threats) > 20
    for row in threats:
        shown = row.rstrip("| ").rpartition("| ")[2]
        names = re.findall(r"`((?:tests/|benchmarks/)?[\w/]*?[\w]+\.py)`", shown)
        assert names, row
        for name in names:
            place = ROOT / name if "/" in name else ROOT / "tests" / "faults" / name
            assert place.exists(), name
