"""RESULTS.md from what the benchmarks printed."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

_INTRO = """# Benchmark results

Written by `benchmarks/run.py`; do not edit. Each figure stands beside the peer's from the same run on the same
machine. CPU seconds are robust against other load on the machine, rates are not. `benchmarks/README.md` says what
is measured and how to run it again.
"""


_QUIET = 0.2
"""Cores that other processes may use before the report says so."""


def machine() -> str:
    """The machine in general words: no names, no paths."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gigabytes = round(int(memory[1]) / 1048576) if memory else 0
    return (
        f"{os.cpu_count()} cores ({cpu}), {gigabytes} GB, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}{_peers()}"
    )


def _peers() -> str:
    try:
        said = subprocess.run(["nfdump", "-V"], capture_output=True, text=True)
    except OSError:
        return ""
    version = re.search(r"Version: \D*([\d.]+)", said.stdout + said.stderr)
    return f", nfdump {version[1]}" if version else ""


def write_report(folder: Path, target: Path, order: list[str]) -> None:
    """Write the report of all results in the folder."""
    parts = [_INTRO]
    for name in order:
        path = folder / f"{name}.json"
        if path.exists():
            parts.append(_section(name, json.loads(path.read_text())))
    target.write_text("\n".join(parts))


def _section(name: str, result: dict[str, Any]) -> str:
    quick = " (quick run: rough figures)" if result["quick"] else ""
    quick += " **ended with an error**" if result.get("failed") else ""
    head = f"## {name}\n\n`{result['command']}`, {result['date']}{quick}  \n{result['machine']}\n"
    records, text = [], []
    for line in result["output"]:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif line.strip():
            text.append(line)
    body = _ingest(records) if name == "ingest" else "\n".join(_tables(records))
    if text:
        body += "\n```\n" + "\n".join(text) + "\n```\n"
    return f"{head}\n{body}"


def _ingest(records: list[dict[str, Any]]) -> str:
    out = []
    load = max((value for record in records for key, value in record.items() if key.endswith("other_load")), default=0)
    if load > _QUIET:
        out.append(
            f"**The machine was busy with other work meanwhile (up to {load:.1f} cores): rates are too low, CPU per "
            "flow is too high by shared caches.** Run it again on a quiet machine.\n"
        )
    cpu = [record for record in records if record["benchmark"] == "ingest.cpu"]
    if cpu:
        first = cpu[0]
        out.append(
            f"CPU seconds per million flows at {first['rate']:,.0f} flows/s for {first['seconds']:g} s, "
            f"{first['exporters']} exporters, socket buffer {first['buffer'] >> 20} MiB for both. "
            "`live` is without the thread that seals to Parquet, `all` with it (and nfcapd -y, which has none); "
            "`whole` is from the start to the end of the process.\n"
        )
        rows = []
        for record in cpu:
            peer = _peer(record)
            for which in ("live", "all", "whole"):
                key = "cpu_per_million" + ("" if which == "all" else f"_{which}")
                other = record.get(f"{peer}_{key}")
                ours = record[f"nftui_{key}"]
                rows.append([record["kind"], which, _number(ours), _number(other), _ratio(ours, other)])
            rows.append([record["kind"], "peak RSS, MB", _number(record["nftui_rss_mb"]),
                         _number(record.get(f"{peer}_rss_mb")), ""])  # fmt: skip
            rows.append([record["kind"], "bytes a flow on disk", _number(record["nftui_bytes_per_flow"]),
                         _number(record.get(f"{peer}_bytes_per_flow")),
                         _ratio(record["nftui_bytes_per_flow"], record.get(f"{peer}_bytes_per_flow"))])  # fmt: skip
            rows.append([record["kind"], "flows sent = stored", _stored(record, "nftui"),
                         _stored(record, peer) if f"{peer}_stored" in record else "", ""])  # fmt: skip
        out.append(_table(["format", "", "nftui", "nfcapd -y, sfcapd -y", "nftui : peer"], rows))
    peaks = [record for record in records if record["benchmark"] == "ingest.peak"]
    if peaks:
        out.append("\nHighest rate without loss, million flows/s (s: the sender could not do more).\n")
        rows = []
        for record in peaks:
            ours, other = record["nftui_rate"], record.get(f"{_peer(record)}_rate")
            rows.append([record["kind"], _rate(record, "nftui"), _rate(record, _peer(record)), _ratio(ours, other)])
        out.append(_table(["format", "nftui", "nfcapd -y, sfcapd -y", "nftui : peer"], rows))
    return "\n".join(out) + "\n"


def _peer(record: dict[str, Any]) -> str:
    """The collector beside which a kind of export was measured."""
    return "sfcapd" if record["kind"] == "sflow" else "nfcapd"


def _stored(record: dict[str, Any], name: str) -> str:
    sent, stored = record[f"{name}_sent"], record[f"{name}_stored"]
    drops = record[f"{name}_kernel_drops"]
    return f"{sent:,} = {stored:,}, {drops} dropped" if sent == stored else f"{sent:,} > {stored:,}, {drops} dropped"


def _rate(record: dict[str, Any], name: str) -> str:
    rate = record.get(f"{name}_rate")
    if rate is None:
        return ""
    return f"{rate / 1e6:.2f}{' s' if record[f'{name}_sender_limited'] else ''}"


def _ratio(ours: float, theirs: float | None) -> str:
    return f"{ours / theirs:.2f}" if theirs else ""


def _tables(records: list[dict[str, Any]]) -> list[str]:
    """Records with the same keys as one table."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(tuple(record), []).append(record)
    return [_table(list(keys), [[_number(row[key]) for key in keys] for row in rows]) for keys, rows in groups.items()]


def _number(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_number(part)}" for name, part in value.items())
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, bool) or not isinstance(value, int):
        return "" if value is None else str(value)
    return f"{value:,}"


def _table(headers: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
