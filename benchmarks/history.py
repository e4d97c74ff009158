"""The past on the live screen: first full screen of a store, then the brush moves, in one process as on the screen.

    python benchmarks/history.py [--data DIR] [--flows 10000000] [--hours 6] [--runs 3] [--no-peer]

DIR holds what benchmarks/analysis.py made (`run.py analysis --data DIR`); what is missing is made first. "First screen"
is the table of hosts and the chart by protocol over everything, six hours or as many as `--hours` says. Each brush is a
range that was not asked about before. One core is left to reception; "all cores" is a screen that
receives less than 20 000 flows/s, or only looks at files.
Beside them, unless `--no-peer` is given, nfdump answers the same question, the first hosts of the window, as a process
over the same flows.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis_data import COMPACTED, NFDUMP, SEALED, build
from analysis_flows import SLOT_MS, SLOTS, START_MS

from nftui.engine.history.history import History
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.query.parser import parse_filter

HOUR_MS = 3_600_000
_GOALS = {"first screen": 0.7, "chart, moved": 0.3, "brush": 0.3}


@dataclass
class Measured:
    """Seconds of one question, by run."""

    wall: list[float]
    cpu: list[float]


def measure(ask: Callable[[int], object], runs: int) -> Measured:
    """Ask several times; the question may differ by the number of the run."""
    out = Measured([], [])
    for run in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        ask(run)
        out.wall.append(time.perf_counter() - wall)
        out.cpu.append(time.process_time() - cpu)
    return out


def brush(length_ms: int, run: int) -> TimeRange:
    """A range of this length that begins elsewhere in each run, never on a round minute."""
    start = START_MS + HOUR_MS + 123_456 + run * 671_113 % max(1, SLOTS * SLOT_MS - length_ms - 2 * HOUR_MS)
    return TimeRange(start, start + length_ms)


def first_screen(root: Path, everything: TimeRange, alone: bool = False) -> tuple[float, float]:
    """Seconds and CPU seconds until a program that has just opened the store has answered."""
    cpu, wall = time.process_time(), time.perf_counter()
    history = History([str(root)], busy=lambda: not alone)
    history.snapshot(LiveRequest(within=everything))
    history.timeline(TimelineRequest(everything))
    history.close()
    return time.perf_counter() - wall, time.process_time() - cpu


def nfdump_seconds(folder: Path, within: TimeRange | None) -> float:
    """The first 200 hosts by bytes, of everything or of a window, as nfdump answers it."""
    command = ["nfdump", "-R", str(folder), "-s", "ip/bytes", "-n", "200", "-o", "json"]
    if within is not None:
        command += ["-t", "-".join(
            time.strftime("%Y/%m/%d.%H:%M:%S", time.gmtime(moment / 1000))
            for moment in (within.start_ms, within.end_ms)
        )]  # fmt: skip
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TZ": "UTC"})
    return time.perf_counter() - start


def report(question: str, measured: Measured, peer: float | None = None, goal: float | None = None) -> None:
    """One row of the result."""
    best = min(measured.wall)
    print(json.dumps({
        "question": question, "s": round(best, 3), "median s": round(statistics.median(measured.wall), 3),
        "CPU s": round(min(measured.cpu), 3), "nfdump s": peer and round(peer, 3),
        "x": peer and round(peer / best, 1), "goal s": goal,
    }), flush=True)  # fmt: skip


def run(places: dict[str, Path], everything: TimeRange, runs: int) -> None:
    """Measure all questions; nfdump too if `places` has its files."""
    root, theirs = places[COMPACTED], places.get(NFDUMP)
    for name, alone in ((COMPACTED, False), (COMPACTED, True), (SEALED, False)):
        screens = [first_screen(places[name], everything, alone) for _ in range(runs)]
        peer = min(nfdump_seconds(theirs, None) for _ in range(runs)) if theirs and name == COMPACTED else None
        goal = _GOALS["first screen"] if name == COMPACTED else None
        words = f"first screen, {name}{', all cores' if alone else ''}"
        report(words, Measured([s for s, _ in screens], [c for _, c in screens]), peer, goal)
    for by in ("proto", "exporter", "interface", "port"):
        history = History([str(root)])
        first = measure(lambda _, by=by, history=history: history.timeline(TimelineRequest(everything, by=by)), 1)  # type: ignore[misc]
        report(f"chart by {by}", first)
        history.close()
    everybody = History([str(root)], busy=lambda: False)
    history = History([str(root)])
    history.timeline(TimelineRequest(everything))
    moved = measure(
        lambda n: history.timeline(TimelineRequest(TimeRange(everything.start_ms, everything.end_ms - n * HOUR_MS))),
        runs,
    )
    report("chart, moved", moved, None, _GOALS["chart, moved"])
    for words, length in (("four hours", 4 * HOUR_MS), ("an hour", HOUR_MS), ("ten minutes", 600_000),
                          ("a second", 1000)):  # fmt: skip
        peer = min(nfdump_seconds(theirs, brush(length, n)) for n in range(runs)) if theirs else None
        hosts = measure(lambda n, length=length: history.snapshot(LiveRequest(within=brush(length, n))), runs)  # type: ignore[misc]
        report(f"brush of {words}: hosts", hosts, peer, _GOALS["brush"])
        hosts = measure(lambda n, length=length: everybody.snapshot(LiveRequest(within=brush(length, n))), runs)  # type: ignore[misc]
        report(f"brush of {words}: hosts, all cores", hosts, peer, _GOALS["brush"])
    everybody.close()
    for view in ("pair", "port", "interface", "flows"):
        found = measure(lambda n, view=view: history.snapshot(LiveRequest(view, within=brush(HOUR_MS, n))), runs)  # type: ignore[misc]
        report(f"brush of an hour: {view}", found)
    one = brush(HOUR_MS, 0)
    facets = measure(
        lambda _: [history.snapshot(LiveRequest(v, limit=8, within=one)) for v in ("proto", "as", "port")], 1
    )
    report("brush of an hour: three facets beside the table", facets)
    wanted = parse_filter("port 443 and bytes > 10000")
    filtered = measure(lambda n: history.snapshot(LiveRequest(filter=wanted, within=brush(HOUR_MS, n))), runs)
    report("brush of an hour: hosts of a filter", filtered)
    changed = measure(lambda n: history.changes(LiveRequest(within=brush(HOUR_MS, n)), brush(HOUR_MS, n + 1)), runs)
    report("what changed between two hours: hosts", changed)
    everything = measure(lambda _: history.snapshot(LiveRequest("pair", within=everything)), 1)
    report("everything: pairs, without roll-ups", everything)
    history.close()
    print(json.dumps({"peak MB of all questions": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="kept for other runs; a temporary directory if not given")
    parser.add_argument("--flows", type=int, default=10_000_000)
    parser.add_argument("--hours", type=int, default=SLOTS * SLOT_MS // HOUR_MS, help="over which they are spread")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true", help="without nfdump")
    options = parser.parse_args()
    slots = options.hours * HOUR_MS // SLOT_MS
    names = (SEALED, COMPACTED) if options.no_peer else (SEALED, COMPACTED, NFDUMP)
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        place = (options.data or Path(folder)) / (str(options.flows) if slots == SLOTS else f"{options.flows}-{slots}")
        everything = TimeRange(START_MS - HOUR_MS, START_MS + slots * SLOT_MS)
        run(build(place, options.flows, slots, names), everything, options.runs)


if __name__ == "__main__":
    main()
