"""Run the benchmarks, one after the other and never two at once, and write RESULTS.md.

    python benchmarks/run.py                 everything that is there; about half an hour
    python benchmarks/run.py ingest decode   these only; the other sections stay as they are
    python benchmarks/run.py ingest --seconds 10 --kinds v9    what run.py does not know goes to the script
    python benchmarks/run.py --quick         short runs: a check that they work, figures are rough
    python benchmarks/run.py --report        RESULTS.md anew from the last results

What each script printed is kept in benchmarks/out/NAME.json. RESULTS.md and the tables of docs/scale-out.md are made
of those files.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report import machine, write_report

HERE = Path(__file__).parent
OUT = HERE / "out"


@dataclass(frozen=True)
class Benchmark:
    """A script and its arguments."""

    name: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = None
    seconds: int = 3600
    named: bool = False
    """Whether it runs only when it is named: it needs more than this repository, or an hour."""

    @property
    def script(self) -> Path:
        """Where it is."""
        return HERE / f"{self.name}.py"

    def arguments(self, quick: bool) -> tuple[str, ...]:
        """Of a full or a quick run."""
        return self.quick if quick and self.quick is not None else self.full


BENCHMARKS = (
    Benchmark("ingest", (), ("--seconds", "3", "--repeat", "1", "--peak-seconds", "1.5", "--kinds", "v9")),
    Benchmark("decode", (), ("--quick",)),
    Benchmark("mutations"),
    Benchmark("flood", (), ("--sources", "5000")),
    Benchmark("store_write"),
    Benchmark("storage_forms", (), ("--flows", "200000", "--runs", "3")),
    Benchmark("analysis", seconds=4 * 3600),
    Benchmark("history", (), ("--flows", "1000000", "--runs", "1")),
    Benchmark("compaction", (), ("--flows", "1000000")),
    Benchmark("archive", (), ("--flows", "1000000", "--runs", "2")),
    Benchmark("convert", (), ("--flows", "300000", "--runs", "1")),
    Benchmark("live_window", (), ("--seconds", "10")),
    Benchmark("ranking"),
    Benchmark("probe_offline", (), ("--packets", "300000", "--repeat", "1")),
    Benchmark("probe_live", (), ("--seconds", "1", "--rates", "50000,200000", "--packets", "100000")),
    Benchmark("kafka_outage", (), ("--seconds", "12", "--away", "6", "--rate", "2000")),
    Benchmark("soak", (), ("--seconds", "40")),
    Benchmark("table_rows", (), ("--rows", "100000")),
    Benchmark("tui_latency"),
    Benchmark("tui_memory", (), ("--minutes", "1"), seconds=2 * 3600, named=True),
    Benchmark("import_time"),
    Benchmark("spark_dump", seconds=4 * 3600, named=True),
)
"""In the order of the report. A script that is not there is left out."""


def run(benchmark: Benchmark, quick: bool, arguments: Sequence[str]) -> bool:
    """Run a benchmark and keep what it printed; False when it failed."""
    command = " ".join(["python", f"benchmarks/{benchmark.script.name}", *arguments])
    print(f"{command} ...", flush=True)
    done = subprocess.run(
        [sys.executable, str(benchmark.script), *arguments],
        capture_output=True,
        text=True,
        timeout=benchmark.seconds,
    )
    if done.returncode:
        print(f"failed with exit code {done.returncode}:\n{done.stderr[-2000:]}", file=sys.stderr)
    OUT.mkdir(exist_ok=True)
    result = {
        "command": command,
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"),
        "quick": quick,
        "failed": bool(done.returncode),
        "machine": machine(),
        "output": done.stdout.splitlines(),
    }
    (OUT / f"{benchmark.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    return done.returncode == 0


def main() -> int:
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--report", action="store_true", help="run nothing")
    args, extra = parser.parse_known_args()
    unknown = set(args.names) - set(names)
    if unknown:
        parser.error(f"no benchmark {min(unknown)!r}")
    if extra and len(args.names) != 1:
        parser.error(f"{extra[0]}: name the one benchmark that it is for")
    chosen = [b for b in BENCHMARKS if b.script.exists() and (b.name in args.names or not (args.names or b.named))]
    good = True
    if not args.report:
        for benchmark in chosen:
            good &= run(benchmark, args.quick, extra or benchmark.arguments(args.quick))
    write_report(OUT, HERE / "RESULTS.md", names)
    print(f"written: {HERE.name}/RESULTS.md")
    good &= subprocess.run([sys.executable, str(HERE / "scale_out.py"), "--write"]).returncode == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
