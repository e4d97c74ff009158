"""Collecting, against nfcapd -y (sFlow: sfcapd -y): CPU per flow at a fixed rate, and the highest rate without loss.

    python benchmarks/ingest.py                    both parts, all formats
    python benchmarks/ingest.py --part cpu --kinds v9 --seconds 20 --rate 300000
    python benchmarks/ingest.py --part peak --kinds v9

Collector on core 0, sender on core 1, the same socket buffer for both. Runs alternate (A B A B); the median counts.
"Up to the live segment" leaves out the thread that seals segments to Parquet, which nfcapd has no counterpart of.
Results: one line of JSON each on standard output.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from collectors import available, busy_seconds, start
from workload import EXPORTERS, KINDS

_HERE = Path(__file__).parent
_PEAK_TOP = 6_000_000
_HIGHEST_RATE = {"one-record": 100_000}
"""Flows per second for CPU, where the sender cannot do what it does for the others."""


def one_run(
    name: str, kind: str, rate: float, seconds: float, buffer: int, port: int, exporters: int
) -> dict[str, Any]:
    """Start a collector, send, stop it, and count."""
    with tempfile.TemporaryDirectory(prefix="nftui-bench-") as folder:
        collector = start(name, port, Path(folder) / "store", buffer)
        sender = subprocess.Popen(
            [sys.executable, str(_HERE / "send.py"), "--port", str(port), "--kind", kind, "--rate", str(rate),
             "--seconds", str(seconds), "--exporters", str(exporters), "--cpu", "1", "--wait"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert sender.stderr is not None
        sender.stderr.readline()
        time.sleep(0.3)
        before, others, began = collector.usage(), busy_seconds(), time.monotonic()
        said, _ = sender.communicate("go\n")
        sent = json.loads(said)
        collector.wait_until_drained()
        after, took = collector.usage(), time.monotonic() - began
        others = busy_seconds() - others - (after.cpu - before.cpu) - sent["cpu_seconds"]
        dropped = collector.socket_state()[1]
        collector.stop()
        stored, size = collector.stored()
    million = sent["flows"] / 1e6
    cpu = after.cpu - before.cpu
    threads = {thread: (spent - before.threads.get(thread, 0.0)) / million for thread, spent in after.threads.items()}
    return {
        "collector": name,
        "kind": kind,
        "sent": sent["flows"],
        "sent_datagrams": sent["datagrams"],
        "rate": sent["rate"],
        "late": sent["late"],
        "other_load": max(0.0, others / took),
        "stored": stored,
        "kernel_drops": dropped,
        "cpu_per_million": cpu / million,
        "cpu_per_million_live": cpu / million - threads.get("seal", 0.0),
        "cpu_per_million_by_thread": {thread: spent for thread, spent in threads.items() if spent >= 0.005},
        "cpu_per_million_whole": (collector.whole_cpu - before.cpu) / million,
        "rss_mb": after.rss_mb,
        "bytes_per_flow": size / max(1, stored),
        "exit_code": collector.process.returncode,
    }


def compare_cpu(kind: str, args: argparse.Namespace) -> None:
    """CPU per flow at a fixed rate."""
    rate = min(args.rate, _HIGHEST_RATE.get(kind, args.rate))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in available(kind)}
    for _ in range(args.repeat):
        for name, done in runs.items():
            done.append(one_run(name, kind, rate, args.seconds, args.buffer, args.port, args.exporters))
            print(json.dumps({"benchmark": "ingest.run", **done[-1]}), flush=True)
    summary: dict[str, Any] = {"benchmark": "ingest.cpu", "kind": kind, "rate": rate, "seconds": args.seconds,
                               "exporters": EXPORTERS.get(kind, args.exporters), "buffer": args.buffer}  # fmt: skip
    for name, done in runs.items():
        for key in ("cpu_per_million", "cpu_per_million_live", "cpu_per_million_whole", "rss_mb", "bytes_per_flow"):
            summary[f"{name}_{key}"] = statistics.median(run[key] for run in done)
        summary[f"{name}_other_load"] = max(run["other_load"] for run in done)
        summary[f"{name}_sent"] = sum(run["sent"] for run in done)
        summary[f"{name}_stored"] = sum(run["stored"] for run in done)
        summary[f"{name}_kernel_drops"] = sum(run["kernel_drops"] for run in done)
    print(json.dumps(summary), flush=True)


def compare_peak(kind: str, args: argparse.Namespace) -> None:
    """Highest rate without loss: up by half until a flow is missing in two runs of two, then halve the interval."""
    summary: dict[str, Any] = {"benchmark": "ingest.peak", "kind": kind, "seconds": args.peak_seconds,
                               "buffer": args.buffer}  # fmt: skip
    state = {
        name: {"low": 0.0, "high": 0.0, "rate": 400_000.0, "sender": 0.0, "other_load": 0.0} for name in available(kind)
    }
    for _ in range(12):
        open_names = [n for n, s in state.items() if not s["sender"] and (not s["high"] or s["high"] > 1.12 * s["low"])]
        if not open_names:
            break
        for name in open_names:
            _peak_step(name, kind, state[name], args)
    for name, s in state.items():
        summary[f"{name}_rate"] = s["low"]
        summary[f"{name}_other_load"] = s["other_load"]
        summary[f"{name}_sender_limited"] = bool(s["sender"])
    print(json.dumps(summary), flush=True)


def _peak_step(name: str, kind: str, s: dict[str, float], args: argparse.Namespace) -> None:
    for _ in range(2):  # what another process on the machine did does not happen twice
        run = one_run(name, kind, s["rate"], args.peak_seconds, args.buffer, args.port, args.exporters)
        print(json.dumps({"benchmark": "ingest.peak.run", **run}), flush=True)
        s["other_load"] = max(s["other_load"], run["other_load"])
        if run["stored"] == run["sent"] and run["rate"] >= 0.9 * s["rate"]:
            break
    if run["stored"] == run["sent"]:
        s["low"] = max(s["low"], run["rate"])
        if run["rate"] < 0.9 * s["rate"] or s["rate"] >= _PEAK_TOP:
            s["sender"] = 1.0
    else:
        s["high"] = s["rate"]
    s["rate"] = (s["low"] + s["high"]) / 2 if s["high"] else s["rate"] * 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("cpu", "peak", "both"), default="both")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--rate", type=float, default=300_000, help="flows per second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--peak-seconds", type=float, default=4)
    parser.add_argument("--exporters", type=int, default=2)
    parser.add_argument("--buffer", type=int, default=4 << 20, help="socket buffer in bytes, for both")
    parser.add_argument("--port", type=int, default=23995)
    args = parser.parse_args()
    for kind in args.kinds:
        if args.part in ("cpu", "both"):
            compare_cpu(kind, args)
        if args.part in ("peak", "both"):
            compare_peak(kind, args)


if __name__ == "__main__":
    main()
