"""The screen under load: first paint, key to echo, bytes per refresh, under a pseudo-terminal.

    python benchmarks/tui_latency.py                        300 000 flows/s of v9, 120x40
    python benchmarks/tui_latency.py --rate 0               nothing arrives
    python benchmarks/tui_latency.py --link 256000          a reader of 256 kbit/s, as a bad line is

Starts the real `nftui` on a temporary store and a sender on loopback. Keys are pressed at random moments; the echo
is the first output after a key. Results: one line of JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent / "tests" / "ui"))

from terminal import Terminal  # noqa: E402

_REFRESH_GAP = 0.12
"""Output after a pause of this length belongs to another refresh."""


def first_paint(command: list[str], size: tuple[int, int], runs: int) -> list[float]:
    """Milliseconds from the start of the process to the first words on the screen."""
    times = []
    for _ in range(runs):
        with Terminal(command, *size) as terminal:
            found = terminal.pump(10, lambda terminal=terminal: b"hosts" in terminal.received)
            if not found:
                raise SystemExit(f"nothing was painted: {bytes(terminal.received)[-500:]!r}")
            times.append((terminal.chunks[-1][0]) * 1000)
    return times


def echoes(terminal: Terminal, seconds: float, keys: list[bytes]) -> list[float]:
    """Milliseconds from each key to the first output after it."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.pump(random.uniform(0.15, 0.45))
        while _grows(terminal, 0.03):
            pass  # a refresh is under way: its output is no echo
        before = len(terminal.received)
        pressed = time.monotonic()
        terminal.send(random.choice(keys))
        if _grows(terminal, 3, before):
            times.append((terminal.started + terminal.chunks[-1][0] - pressed) * 1000)
    return times


def _grows(terminal: Terminal, seconds: float, before: int | None = None) -> bool:
    """Whether output comes within some time."""
    size = len(terminal.received) if before is None else before
    return terminal.pump(seconds, lambda: len(terminal.received) > size)


def refreshes(terminal: Terminal, seconds: float) -> list[int]:
    """Bytes of each refresh while nobody presses a key."""
    first = len(terminal.chunks)
    terminal.pump(seconds)
    found: list[int] = []
    last = -1.0
    for at, size in terminal.chunks[first:]:
        if at - last > _REFRESH_GAP:
            found.append(0)
        found[-1] += size
        last = at
    return found


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def percentile(values: Sequence[float], part: float) -> float | None:
    """Value below which the given part lies."""
    return round(sorted(values)[min(len(values) - 1, int(part * len(values)))], 1) if values else None


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    size = tuple(map(int, options.size.split("x")))
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        command = [sys.executable, "-m", "nftui", "--store", f"{folder}/store", "--listen", f"127.0.0.1:{options.port}"]
        if options.no_diff:
            command.append("--no-diff")
        paints = first_paint(command, size, options.paints)
        with Terminal(command, *size) as terminal:
            terminal.pump(1.5)
            sender = None
            if options.rate:
                sender = subprocess.Popen(
                    [sys.executable, str(_HERE / "send.py"), "--port", str(options.port), "--rate", str(options.rate),
                     "--seconds", str(options.warm_up + 2 * options.seconds + 5), "--exporters", "2"],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                )  # fmt: skip
            terminal.bytes_per_second = options.link / 8 if options.link else 0
            terminal.pump(options.warm_up)
            sent = refreshes(terminal, options.seconds)
            keys = echoes(terminal, options.seconds, [b"j", b"k", b"j", b"\x1b[6~", b"k"])
            rss = resident_mb(terminal.pid)
            lines = terminal.lines
            terminal.bytes_per_second = 0
            terminal.send(b"q")
            code = terminal.wait(8)
            if sender:
                sender.wait(60)
    return {
        "rate": options.rate, "size": options.size, "link": options.link or None, "diff": not options.no_diff,
        "first_paint_ms": {"best": round(min(paints)), "median": round(statistics.median(paints))},
        "keys": len(keys), "key_ms": {"p50": percentile(keys, 0.5), "p95": percentile(keys, 0.95),
                                      "max": round(max(keys), 1) if keys else None},
        "refreshes": len(sent), "bytes": {"median": percentile(sent, 0.5), "max": max(sent, default=0)},
        "rss_mb": round(rss), "exit": code, "status": lines[1].strip(), "health": lines[-2].strip(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=300_000, help="flows per second; 0 for none")
    parser.add_argument("--seconds", type=float, default=15, help="of refreshes, and again of keys")
    parser.add_argument("--warm-up", type=float, default=8, help="seconds before anything is measured")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--link", type=float, default=0, help="bits per second of the line; 0 for no limit")
    parser.add_argument("--paints", type=int, default=5, help="starts for the first paint")
    parser.add_argument("--no-diff", action="store_true")
    parser.add_argument("--port", type=int, default=24995)
    print(json.dumps(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
