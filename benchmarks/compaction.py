"""Joining the files of finished hours: CPU for each flow, memory, files and bytes before and after.

    python benchmarks/compaction.py                    10 000 000 flows in 72 slots of six hours
    python benchmarks/compaction.py --data DIR         keep the flows in DIR, as analysis.py does
    python benchmarks/compaction.py --flows 1000000

`nftui compact` as a process of its own over a copy of a store. Result: one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis_data import SEALED, build


def files_of(store: Path) -> list[Path]:
    """Files that questions read: not those that were replaced."""
    return [path for day in store.glob("date=*") for path in day.rglob("*") if path.is_file()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=int, default=10_000_000)
    parser.add_argument("--data", type=Path, help="directory that keeps the flows")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sealed = build((args.data or Path(scratch)) / str(args.flows), args.flows, names=(SEALED,))[SEALED]
        store = Path(scratch) / "store"
        shutil.copytree(sealed, store)
        before = files_of(store)
        size = sum(path.stat().st_size for path in before)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "nftui", "compact", "-l", str(store)], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        after = files_of(store)
        cpu = usage.ru_utime + usage.ru_stime
        print(json.dumps({
            "benchmark": "compaction", "flows": args.flows, "seconds": round(time.monotonic() - began, 1),
            "cpu_seconds": round(cpu, 2), "cpu_per_million": round(cpu / args.flows * 1e6, 3),
            "peak_mb": round(usage.ru_maxrss / 1024), "files_before": len(before),
            "bytes_per_flow_before": round(size / args.flows, 2), "files_after": len(after),
            "bytes_per_flow_after": round(sum(path.stat().st_size for path in after) / args.flows, 2),
            "exit": process.returncode,
        }))  # fmt: skip


if __name__ == "__main__":
    main()
