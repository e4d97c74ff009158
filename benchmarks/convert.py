"""What converting costs: an archive of nfdump files (LZ4) to every format, and a store to nfdump files.

    python benchmarks/run.py convert --data /tmp/flows     with the flows of the analysis benchmark

One line of JSON per conversion: seconds of wall clock and of CPU, flows per second and per CPU second, bytes per flow
of the output, peak memory, and how many cores others used meanwhile. The rate to expect of a quiet machine lies between
the flows per second and cores times the flows per CPU second. The best of the runs by CPU is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from analysis_data import NFDUMP_LZ4, build

FORMS = ("store", "nfdump", "parquet", "ipfix", "ndjson", "csv")
_TEXT = frozenset({"ndjson", "csv"})


def cpu_of_all() -> float:
    """CPU seconds of the whole machine since its start, without idle and waiting."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def convert(source: list[str], target: Path, form: str) -> dict[str, float]:
    """One run in a process of its own."""
    command = [sys.executable, "-m", "nftui", "convert", "-q", "--to", form, *source, str(target)]
    if form == "store":
        command[-1] += "/"
    all_before, began = cpu_of_all(), time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    assert status == 0, command
    cpu = used.ru_utime + used.ru_stime
    others = max(0.0, cpu_of_all() - all_before - cpu) / seconds
    return {"seconds": seconds, "cpu_s": cpu, "mb": used.ru_maxrss >> 10, "others": others}


def size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


def measure(source: Path, form: str, flows: int, runs: int, label: str) -> dict[str, object]:
    """The best of the runs. Text is slow: it gets a tenth of the files."""
    files = sorted(str(path) for path in source.glob("nfcapd.*")) if source.name == NFDUMP_LZ4 else [str(source)]
    if form in _TEXT:
        files = files[:: max(1, len(files) // 7)]
    best: dict[str, float] = {}
    octets = 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=source.parent) as scratch:
            target = Path(scratch) / "out"
            found = convert(files, target, form)
            octets = size(target)
        if not best or found["cpu_s"] < best["cpu_s"]:
            best = found
    if form in _TEXT:
        share = sum(os.path.getsize(path) for path in files) / size(source)
        flows = round(flows * share)  # files of one archive differ little in bytes per flow
    return {
        "conversion": f"{label} to {form}",
        "flows": flows,
        "seconds": round(best["seconds"], 2),
        "CPU s": round(best["cpu_s"], 2),
        "flows/s": round(flows / best["seconds"]),
        "flows/CPU s": round(flows / best["cpu_s"]),
        "bytes/flow": round(octets / flows, 1),
        "peak MB": int(best["mb"]),
        "cores of others": round(best["others"], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="where the flows are kept; a temporary directory if left out")
    parser.add_argument("--flows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--forms", default=",".join(FORMS))
    arguments = parser.parse_args()
    folder = arguments.data or Path(tempfile.mkdtemp(prefix="nftui-bench-"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        places = build(folder, arguments.flows)
        for form in arguments.forms.split(","):
            print(
                json.dumps(measure(places[NFDUMP_LZ4], form, arguments.flows, arguments.runs, "nfdump LZ4")), flush=True
            )
        print(
            json.dumps(measure(places["nftui-sealed"], "nfdump", arguments.flows, arguments.runs, "store")), flush=True
        )
    finally:
        if arguments.data is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
