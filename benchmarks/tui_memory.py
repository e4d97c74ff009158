"""Memory of the screen over time: `nftui demo` under a pseudo-terminal, used by somebody.

    python benchmarks/tui_memory.py                         an hour of demo traffic, 120x40
    python benchmarks/tui_memory.py --minutes 15 --rate 5000

Every few seconds a key is pressed: views, order, filter, drill, detail, help. Resident memory is read every 15
seconds from the process that receives, stores and shows. Results: one line of JSON on standard output; `growth_mb` is
the median of the last fifth of the run less the median of the minutes 10 to 15.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent / "tests" / "ui"))

from terminal import Terminal  # noqa: E402

_SAMPLE_SECONDS = 15.0
_GOAL_MB = 250
_KEYS = (
    b"1", b"2", b"3", b"4", b"5", b"9", b"j", b"j", b"k", b"\x1b[6~", b"G", b"g", b"s", b"S", b"t", b"n", b"u", b"u",
    b"\r", b"f", b"\x7f", b"\x7f", b"r", b"?", b"\x1b", b"e", b"\x1b", b"/port 443\r", b"r", b" ", b" ",
)  # fmt: skip


def resident_mb(pid: int) -> float:
    """Resident memory of a process; 0 when it has ended."""
    words = Path(f"/proc/{pid}/status").read_text().split()
    return int(words[words.index("VmRSS:") + 1]) / 1024 if "VmRSS:" in words else 0.0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    size = tuple(map(int, options.size.split("x")))
    rng = random.Random(1)
    samples: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        command = [sys.executable, "-m", "nftui", "demo", "--rate", str(options.rate), "--store", f"{folder}/store"]
        with Terminal(command, *size) as terminal:
            begin = time.monotonic()
            terminal.pump(5)
            while (passed := time.monotonic() - begin) < options.minutes * 60:
                samples.append((passed / 60, resident_mb(terminal.pid)))
                until = time.monotonic() + _SAMPLE_SECONDS
                while time.monotonic() < until:
                    terminal.pump(rng.uniform(1, 4))
                    if not resident_mb(terminal.pid):
                        raise SystemExit(f"it ended: {bytes(terminal.received)[-9000:].decode(errors='replace')}")
                    terminal.send(rng.choice(_KEYS))
                if options.verbose:
                    print(f"{passed / 60:6.1f} min {samples[-1][1]:7.1f} MB", file=sys.stderr, flush=True)
            last = terminal.lines
            terminal.send(b"\x03")
            code = terminal.wait(10)
            received = len(terminal.received)
    settings = {"benchmark": "tui_memory", "rate": options.rate, "size": options.size}
    return settings | summary(samples) | {"bytes_to_terminal": received, "exit": code, "status": last[1].strip()}


def summary(samples: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Figures of a run from its samples, minutes and megabytes."""
    amounts = [mb for _, mb in samples]
    early = [mb for minute, mb in samples if 10 <= minute <= 15] or amounts[:1]
    late = [mb for minute, mb in samples if minute >= 0.8 * samples[-1][0]]
    spans = [[mb for minute, mb in samples if minute // 10 == span] for span in range(int(samples[-1][0] // 10) + 1)]
    return {
        "minutes": round(samples[-1][0], 1),
        "median_of_last_fifth_mb": round(statistics.median(late), 1),
        "growth_mb": round(statistics.median(late) - statistics.median(early), 1),
        "max_mb": round(max(amounts), 1),
        "last_mb": round(amounts[-1], 1),
        "above_250_mb": f"{sum(mb > _GOAL_MB for mb in amounts)} of {len(amounts)} samples",
        "means_of_10_minutes_mb": " ".join(f"{statistics.mean(span):.0f}" for span in spans if span),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=400, help="flows per second")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--verbose", action="store_true", help="each sample on standard error")
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
