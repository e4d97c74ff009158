"""Metering capture files: nanoseconds of CPU per packet, whole process, beside softflowd and nfpcapd.

Run: python benchmarks/probe_offline.py [--packets N] [--repeat N]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
NFTUI = [sys.executable, "-m", "nftui", "probe"]


def measure(command: list[str]) -> tuple[float, float, int, str]:
    """CPU seconds, seconds, peak memory in MB, and what was printed."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    text = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss >> 10, text


def flows_of(text: str) -> str:
    """Flows and records that were made, to see that both did the same."""
    found = re.search(r"Flows expired: (\d+) \((\d+) forced\)", text)
    return f"{found[1]} ({found[2]} forced)" if found else "-"


def programs(capture: Path, max_flows: int, folder: Path) -> dict[str, list[str]]:
    """Name to command; a peer that is not installed is left out."""
    known = {
        "nftui": [*NFTUI, "-r", str(capture), "-m", str(max_flows)],
        "softflowd": ["softflowd", "-r", str(capture), "-c", "none", "-v", "9", "-6", "-m", str(max_flows)],
        "nfpcapd": ["nfpcapd", "-r", str(capture), "-w", str(folder)],
    }
    return {name: command for name, command in known.items() if name == "nftui" or shutil.which(command[0])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    print(f"{args.packets} packets, 96 bytes kept of each; CPU of the whole process, median of {args.repeat} runs")
    print(f"{'traffic':8} {'max_flows':>9}  {'program':10} {'ns/packet':>9} {'seconds':>8} {'MB':>5}  flows")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("mixed", "syn"):
            capture = folder / f"{kind}.pcap"
            # In a process of its own: a child's peak memory starts with that of its parent.
            subprocess.run([sys.executable, HERE / "probe_traffic.py", capture, kind, str(args.packets)], check=True)
            for max_flows in (8192, 65_536):
                report(kind, capture, max_flows, args.packets, args.repeat, folder)
            capture.unlink()


def report(kind: str, capture: Path, max_flows: int, packets: int, repeat: int, folder: Path) -> None:
    """Run all programs in turn, and print their medians and ratios."""
    commands = programs(capture, max_flows, folder)
    if max_flows != 8192:
        commands.pop("nfpcapd", None)  # has no such limit; once is enough
    runs: dict[str, list[tuple[float, float, int, str]]] = {name: [] for name in commands}
    for number in range(repeat):
        for program, command in commands.items():
            if program != "nfpcapd" or number == 0:
                runs[program].append(measure(command))
    cpu = {program: statistics.median(run[0] for run in found) for program, found in runs.items()}
    for program, found in runs.items():
        seconds = statistics.median(run[1] for run in found)
        ratio = "" if program == "nftui" else f"  {cpu[program] / cpu['nftui']:.2f} x nftui"
        print(
            f"{kind:8} {max_flows:9}  {program:10} {cpu[program] / packets * 1e9:9.0f} {seconds:8.2f} "
            f"{max(run[2] for run in found):5}  {flows_of(found[0][3])}{ratio}",
            flush=True,
        )


if __name__ == "__main__":
    main()
