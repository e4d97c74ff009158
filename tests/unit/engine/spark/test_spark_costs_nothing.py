"""Who does not ask a cluster loads nothing of what that takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from compaction import write
from store_samples import sample_flows

HEAVY = ("pyspark", "sqlglot", "pandas", "grpc", "nftui.engine.spark", "nftui.engine.query.portable")
_SAY = f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
_ASK = "import sys; from nftui.cli.main import run; run(sys.argv[1:]); " + _SAY
_LOOK = (
    "import sys; import nftui.cli.tui, nftui.app, nftui.screens.source as s; "
    "from nftui.engine.memory import share_one_heap; share_one_heap(); "
    "from nftui.engine.history.values import TimeRange; from nftui.engine.live.snapshot import LiveRequest; "
    "past = s.open_past([sys.argv[1]]); e = past.extent(); past.snapshot(LiveRequest(within=e)); " + _SAY
)


@pytest.mark.parametrize("arguments", [["dump", "-s", "ip", "-r"], ["dump", "-O", "bytes", "-r"]])
def test_dump(arguments: list[str], tmp_path: Path) -> None:
    write(tmp_path, sample_flows(0, 10))
    done = subprocess.run(
        [sys.executable, "-c", _ASK, *arguments, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_screen_and_its_past(tmp_path: Path) -> None:
    write(tmp_path, sample_flows(0, 10))
    done = subprocess.run([sys.executable, "-c", _LOOK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"
