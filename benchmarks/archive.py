"""Top 10 source addresses of nfdump files read in place, against nfdump reading them itself.

    python benchmarks/run.py archive --data /tmp/flows
    python benchmarks/archive.py --data /tmp/flows --runs 5

The files are those of `analysis.py`, in the same directory; they are made if they are not there. Each figure is a
whole process, the best and the median of several runs, ours and nfdump's in turn. LZO, bzip2 and no compression are
measured on a part of the files, which `nfdump -J` writes anew; what they take is given per million flows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from analysis import Launcher, Run
from analysis_data import NFDUMP_LZ4, build

QUESTION = ("-s", "srcip/bytes", "-n", "10", "-q")
GOAL = 2.5
"""Times nfdump's own time that reading LZ4 files may take."""
OTHERS = {"none": "0", "LZO": "1", "bzip2": "2", "LZ4": "3"}
"""Compression to the number that `nfdump -J` has for it."""


def measure(launcher: Launcher, files: Path, runs: int) -> dict[str, list[Run]]:
    """Both programs over the files, in turn."""
    commands = {
        "nfdump": ["nfdump", "-R", str(files), *QUESTION],
        "nftui": [sys.executable, "-m", "nftui", "dump", "-R", str(files), *QUESTION],
    }
    found: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(launcher.run(command))
            assert not found[name][-1].status, command
    return found


def report(name: str, flows: int, found: dict[str, list[Run]]) -> None:
    """One row of the table."""
    theirs, ours = ([run.seconds for run in found[program]] for program in ("nfdump", "nftui"))
    cpu = {program: min(run.cpu for run in runs) for program, runs in found.items()}
    print(json.dumps({
        "top 10 source addresses": name, "flows": flows,
        "nfdump s": round(min(theirs), 3), "nftui s": round(min(ours), 3),
        "x": round(min(ours) / min(theirs), 2), "x of medians": round(median(ours) / median(theirs), 2),
        "goal x": GOAL if name == "LZ4" else None,
        "nfdump CPU s": round(cpu["nfdump"], 2), "nftui CPU s": round(cpu["nftui"], 2),
        "nftui s per M flows": round(min(ours) / flows * 1e6, 3),
        "nftui MB": round(max(run.peak for run in found["nftui"])),
    }), flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="where the flows are kept; a temporary directory if left out")
    parser.add_argument("--flows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--part", type=int, default=4, help="files of which the other compressions are made")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        launcher = Launcher()
        lz4 = build(folder / str(args.flows), args.flows)[NFDUMP_LZ4]
        report("LZ4", args.flows, measure(launcher, lz4, args.runs))
        for name, number in OTHERS.items():
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for file in sorted(lz4.iterdir())[: args.part]:
                shutil.copy(file, place)
            subprocess.run(["nfdump", "-J", number, "-R", str(place)], check=True, capture_output=True)
            said = subprocess.run(["nfdump", "-I", "-R", str(place)], check=True, capture_output=True, text=True).stdout
            flows = int(next(line for line in said.splitlines() if line.startswith("Flows:")).split()[1])
            report(f"{name}, {args.part} files", flows, measure(launcher, place, args.runs))
    print(json.dumps({"load of the machine (1 to 2 are this benchmark's own)": round(os.getloadavg()[0], 1)}))


if __name__ == "__main__":
    main()
