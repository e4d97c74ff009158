"""Questions to stored flows, nftui dump against nfdump on the same flows.

    python benchmarks/run.py analysis --data /tmp/flows                     everything, and the report; see below
    python benchmarks/run.py analysis --data /tmp/flows --growth 1000000    as above without 50 M flows
    python benchmarks/analysis.py --data /tmp/flows --only srcip --runs 3   some questions

Flows are made once, each number of them in a directory of its own below --data: 10 M in 72 slots take 2.5 GB and two
minutes, 50 M take 13 GB and ten. The questions at 50 M need 15 GB of memory, for nfdump.

Each question is asked by both programs in turn, so that whatever else the machine does meets both, and the median
counts. `process` is a whole process from start to end; `warm` is the same command inside a process that has its
libraries loaded, as in the running program. nfdump reads its files in the compression given (none is its fastest).
Ratios above 1 say how many times faster nftui is. Prints one line of JSON per figure.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from analysis_data import COMPACTED, NFDUMP, NFDUMP_LZ4, SEALED, build, check_totals, size
from analysis_flows import BUSY, RARE, SLOT_MS, START_MS, slot_flows

import nftui
from nftui import text
from nftui.cli.main import run
from nftui.engine.clock import ManualClock
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.store.writer import StoreWriter

_WINDOW = "2025/11/20.03:02:00-2025/11/20.03:12:00"
_TINY_FLOWS = 1000
_YEAR_SLOTS = 100_000
_LINKS = 50_000
"""Names of one file; ext4 allows 65 000."""


@dataclass(frozen=True)
class Question:
    """What is asked, with the arguments that both programs understand.

    Attributes:
        process: how many times faster than nfdump the whole process shall be, for 10 M flows.
        warm: the same inside a running program.
    """

    name: str
    arguments: tuple[str, ...]
    process: float
    warm: float
    ours: tuple[str, ...] = ()


QUESTIONS = (
    Question("top srcip", ("-s", "srcip/bytes", "-n", "10"), 4, 15),
    Question("top ip", ("-s", "ip/bytes", "-n", "10"), 4, 15),
    Question("top port", ("-s", "port/bytes", "-n", "10"), 4, 15),
    Question("top proto", ("-s", "proto/bytes", "-n", "10"), 4, 15),
    Question("top as", ("-s", "as/bytes", "-n", "10"), 4, 15),
    Question(
        "filter, top dstip",
        ("-s", "dstip/bytes", "-n", "10", "proto tcp and dst port 443 and bytes > 10000"), 1.5, 3,
    ),
    Question("list busy address", (f"ip {text.address(BUSY)}",), 1.5, 4),
    Question("list rare address", (f"ip {text.address(RARE)}",), 2, 20),
    Question("list absent address", ("ip 203.0.113.99",), 2, 20),
    Question("-a, top 10", ("-a", "-O", "bytes", "-n", "10"), 3, 3.2),
    Question("-B, top 10", ("-B", "-O", "bytes", "-n", "10"), 2.2, 2.4),
    Question("10-minute window, top srcip", ("-t", _WINDOW, "-s", "srcip/bytes", "-n", "10"), 1.8, 10,
             ("--window", "inside")),
)  # fmt: skip


GROWTH = {"top srcip": 8, "filter, top dstip": 2, "list rare address": 8, "-a, top 10": 3}
"""Questions asked of other numbers of flows, and how many times faster than nfdump the process shall be at 50 M."""
_LARGE = 50_000_000
MEMORY = ("-a, top 10", "-B, top 10")
"""Questions whose peak of memory shall be a quarter of nfdump's."""


@dataclass(frozen=True)
class Run:
    """One process: wall clock seconds, processor seconds, peak of resident memory in MB, exit code."""

    seconds: float
    cpu: float
    peak: float
    status: int


class Launcher:
    """Runs commands from a small process: see launch.py."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("launch.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, command: Sequence[str]) -> Run:
        """Run a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(list(command)) + "\n")
        self._process.stdin.flush()
        return Run(*json.loads(self._process.stdout.readline()))


def ours(place: Path, question: Question) -> list[str]:
    """The command line of nftui."""
    return [sys.executable, "-m", "nftui", "dump", "-R", str(place), *question.ours, *question.arguments]


def theirs(place: Path, question: Question) -> list[str]:
    """The command line of nfdump."""
    return ["nfdump", "-R", str(place), *question.arguments]


def warm(place: Path, question: Question) -> float:
    """Seconds of the command inside this process."""
    began = time.perf_counter()
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
        status = run(ours(place, question)[3:])
    assert status == 0, (question, status)
    return time.perf_counter() - began


def median(measure: Callable[[], float], runs: int) -> float:
    """Median of several measurements, after one that does not count."""
    measure()
    return statistics.median(measure() for _ in range(runs))


def ask(
    launcher: Launcher, places: dict[str, Path], questions: Sequence[Question], runs: int
) -> Iterator[dict[str, object]]:
    """Every question to both programs."""
    for question in questions:
        commands = {
            COMPACTED: ours(places[COMPACTED], question),
            SEALED: ours(places[SEALED], question),
            NFDUMP: theirs(places[NFDUMP], question),
            NFDUMP_LZ4: theirs(places[NFDUMP_LZ4], question),
        }
        found: dict[str, list[Run]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                found[name].append(launcher.run(command))
        bad = [name for name, all_runs in found.items() if any(one.status for one in all_runs)]
        if bad:
            print(f"{question.name}: {', '.join(bad)} failed", file=sys.stderr)
            continue
        seconds = {name: statistics.median(one.seconds for one in all_runs) for name, all_runs in found.items()}
        inside = median(partial(warm, places[COMPACTED], question), runs)
        best = min(seconds[NFDUMP], seconds[NFDUMP_LZ4])
        yield {
            "question": question.name,
            "nfdump s": best,
            "nftui s": seconds[COMPACTED],
            "sealed only s": seconds[SEALED],
            "warm s": inside,
            "process x": best / seconds[COMPACTED],
            "goal": question.process,
            "warm x": best / inside,
            "warm goal": question.warm,
            "nfdump CPU s": min(_median_cpu(found[name]) for name in (NFDUMP, NFDUMP_LZ4)),
            "nftui CPU s": _median_cpu(found[COMPACTED]),
            "nfdump MB": max(one.peak for one in found[NFDUMP]),
            "nftui MB": max(one.peak for one in found[COMPACTED]),
        }


def memory(launcher: Launcher, places: dict[str, Path]) -> Iterator[dict[str, object]]:
    """Peak of resident memory of whole processes."""
    for question in (question for question in QUESTIONS if question.name in MEMORY):
        peaks = {
            "nfdump": launcher.run(theirs(places[NFDUMP], question)).peak,
            "nftui": launcher.run(ours(places[COMPACTED], question)).peak,
            "nftui, sealed only": launcher.run(ours(places[SEALED], question)).peak,
        }
        yield {
            "peak memory": question.name,
            **{f"{name} MB": peak for name, peak in peaks.items()},
            "of nfdump's": peaks["nftui"] / peaks["nfdump"],
            "goal": 0.25,
        }


def growth(launcher: Launcher, folder: Path, sizes: Sequence[int], runs: int) -> Iterator[dict[str, object]]:
    """The same questions to other numbers of flows."""
    chosen = [question for question in QUESTIONS if question.name in GROWTH]
    for flows in sizes:
        places = build(folder / str(flows), flows)
        check_totals(places)
        for question in chosen:
            found = _compared(launcher, places, question, runs)
            yield {
                "question": question.name,
                "flows": flows,
                "nfdump s": found[0],
                "nftui s": found[1],
                "nftui us per 1000 flows": found[1] / flows * 1e9,
                "process x": found[0] / found[1],
                "goal": GROWTH[question.name] if flows == _LARGE else None,
            }


def _compared(launcher: Launcher, places: dict[str, Path], question: Question, runs: int) -> tuple[float, float]:
    """Seconds of nfdump, with its faster files, and of nftui; medians of runs in turn."""
    commands = [
        theirs(places[NFDUMP], question), theirs(places[NFDUMP_LZ4], question), ours(places[COMPACTED], question),
    ]  # fmt: skip
    seconds: list[list[float]] = [[] for _ in commands]
    for _ in range(runs):
        for command, so_far in zip(commands, seconds, strict=True):
            done = launcher.run(command)
            assert done.status == 0, command
            so_far.append(done.seconds)
    none, lz4, own = map(statistics.median, seconds)
    return min(none, lz4), own


def _median_cpu(runs: Sequence[Run]) -> float:
    return statistics.median(run.cpu for run in runs)


def series(places: dict[str, Path], runs: int) -> Iterator[dict[str, object]]:
    """Flows, packets and bytes per minute and protocol, warm; nfdump has no such question."""
    for name, goal in ((SEALED, 0.3), (COMPACTED, 0.03)):

        def measure(name: str = name) -> float:
            began = time.perf_counter()
            session = Session(find_sources([str(places[name])]))
            assert len(Query(session, parse_filter("")).minutes()) > 360
            session.close()
            return time.perf_counter() - began

        yield {"per-minute series by protocol": name, "warm s": median(measure, runs), "goal s": goal}


def sizes(places: dict[str, Path], flows: int) -> Iterator[dict[str, object]]:
    """Bytes per flow."""
    lz4 = size(places[NFDUMP_LZ4]) / flows
    for name, place in places.items():
        per_flow = size(place) / flows
        yield {"files": name, "bytes per flow": per_flow, "of nfdump LZ4": per_flow / lz4, "goal": "0.62"}


def _seconds(launcher: Launcher, place: Path, question: Question) -> float:
    return launcher.run(ours(place, question)).seconds


def tiny(launcher: Launcher, folder: Path, runs: int) -> Iterator[dict[str, object]]:
    """A store of one small slot: what the start of a process costs."""
    place = folder / "tiny"
    if not place.exists():
        _write(place, [(0, _TINY_FLOWS)])
    seconds = median(partial(_seconds, launcher, place, QUESTIONS[0]), runs)
    yield {"store of one slot": f"{_TINY_FLOWS} flows", "process s": seconds, "goal s": 0.45}


def year(launcher: Launcher, folder: Path, runs: int) -> Iterator[dict[str, object]]:
    """A window of ten minutes in a store of a day and in one of 100 000 slots with few flows."""
    for name, slots in (("a day", 288), (f"{_YEAR_SLOTS} slots", _YEAR_SLOTS)):
        place = folder / f"slots-{slots}"
        if not place.exists():
            _write(place, ((slot, 1) for slot in (0, 30, 40, 287)))
            _copy_slots(place, slots)
        seconds = median(partial(_seconds, launcher, place, QUESTIONS[-1]), runs)
        inside = median(partial(warm, place, QUESTIONS[-1]), runs)
        yield {"fixed window in": name, "process s": seconds, "warm s": inside}


def _write(place: Path, slots: Iterator[tuple[int, int]] | Sequence[tuple[int, int]]) -> None:
    clock = ManualClock(START_MS)
    writer = StoreWriter(place, clock=clock)
    writer.open()
    for slot, flows in slots:
        clock.advance((START_MS + slot * SLOT_MS - clock.now_ms()) / 1000)
        writer.append(slot_flows(slot, flows))
        for seconds in (280, 9):
            clock.advance(seconds)
            writer.tick()
    writer.close()


def _copy_slots(place: Path, slots: int) -> None:
    """Fill a store with copies of its first file, under the names of the slots before and after."""
    from nftui.engine.store.catalog import Catalog
    from nftui.engine.store.layout import PartName

    known = Catalog(place).slots()
    taken = {file.start_ms for file in known}
    source = known[0].path
    markers = [p for p in known[0].path.parents[1].iterdir() if p.name.startswith("_")]
    for number in range(slots):
        start = START_MS + (number - slots + 288) * SLOT_MS
        if start in taken:
            continue
        target = PartName(start, "00000000", 1).sealed(place)
        if not target.parent.parent.exists():
            target.parent.parent.mkdir()
            for marker in markers:
                shutil.copy(marker, target.parent.parent)
        target.parent.mkdir(exist_ok=True)
        if number % _LINKS == 0:
            source = Path(shutil.copy(known[0].file, target))
        else:
            os.link(source, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="where the flows are kept; a temporary directory if left out")
    parser.add_argument("--flows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="questions whose name has this text")
    parser.add_argument("--no-year", action="store_true", help="leave out the store of 100 000 slots")
    parser.add_argument("--growth", default="1000000,50000000", help="other numbers of flows; empty for none")
    args = parser.parse_args()
    if not shutil.which("nfdump"):
        sys.exit("nfdump is not installed")
    os.environ["TZ"] = "UTC"
    # As an installer leaves it: compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(Path(nftui.__file__).parent, quiet=1)
    launcher = Launcher()
    with contextlib.ExitStack() as stack:
        folder = args.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = build(folder / str(args.flows), args.flows)
        print(json.dumps({"flows": args.flows, **check_totals(places)}))
        chosen = [question for question in QUESTIONS if args.only in question.name]
        parts = [ask(launcher, places, chosen, args.runs)]
        if not args.only:
            parts += [memory(launcher, places), series(places, args.runs), sizes(places, args.flows)]
            parts += [tiny(launcher, folder, args.runs)]
            parts += [] if args.no_year else [year(launcher, folder, args.runs)]
            others = [int(number) for number in args.growth.split(",") if number]
            between = sorted({*others, args.flows}) if others else []
            parts += [growth(launcher, folder, between, min(args.runs, 3))]
        for part in parts:
            for record in part:
                print(json.dumps(record), flush=True)
        print(json.dumps({"load of the machine (1 is this benchmark's own)": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
