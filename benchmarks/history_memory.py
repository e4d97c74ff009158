"""Memory of the past on the live screen while a segment is large: after a question, after more, and at rest.

    python benchmarks/history_memory.py [--flows 1000000] [--questions 5]

A collector's live segment of that many flows is asked about by a process of its own, as the screen asks. One line of
JSON: resident MB of that process before, after each kind of question, at rest, and asked again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from analysis_flows import START_MS, slot_flows
from tui_memory import resident_mb

from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.memory import share_one_heap, use_system_allocator
from nftui.engine.store.writer import StoreWriter

_BATCH = 20_000
_HOUR = TimeRange(START_MS, START_MS + 3_600_000)


def ask(root: Path, questions: int) -> None:
    """Ask about the store, and print the memory that this process takes."""
    share_one_heap()
    history = History([str(root)])
    out = {"before": _resident()}

    def brush(run: int) -> None:
        history.snapshot(LiveRequest(within=TimeRange(_HOUR.start_ms + run, _HOUR.end_ms)))
        history.timeline(TimelineRequest(TimeRange(_HOUR.start_ms, _HOUR.end_ms + run)))

    brush(0)
    out["one question"] = _resident()
    for run in range(1, questions):
        brush(run)
    out["all questions"] = _resident()
    history.rest()
    out["at rest"] = _resident()
    brush(questions)
    out["asked again"] = _resident()
    history.rest()
    out["at rest again"] = _resident()
    history.close()
    print(json.dumps(out))


def _resident() -> int:
    return round(resident_mb(os.getpid()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=5)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        ask(options.ask, options.questions)
        return
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        clock = ManualClock(START_MS)
        writer = StoreWriter(Path(folder), clock=clock)
        writer.open()
        flows = slot_flows(0, options.flows)
        for start in range(0, options.flows, _BATCH):
            writer.append(flows.slice(start, min(options.flows, start + _BATCH)))
            clock.advance(1)
            writer.tick()
        command = [sys.executable, __file__, "--ask", folder, "--questions", str(options.questions)]
        subprocess.run(command, check=True)
        writer.close()


if __name__ == "__main__":
    use_system_allocator()
    main()
