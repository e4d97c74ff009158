"""Inputs of scale_out.py: what was measured, read from benchmarks/out, and what is assumed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from workload import make_stream

from nftui.engine.limits import DEFAULT

OUT = Path(__file__).parent / "out"
_IP_UDP_BYTES = 28
_SPARK_LINE = "dump ... -o csv"
_SPARK_CORES = 2


@cache
def _records(name: str) -> tuple[dict[str, Any], ...]:
    lines = json.loads((OUT / f"{name}.json").read_text())["output"]
    return tuple(json.loads(line) for line in lines if line.startswith("{"))


def _one(name: str, **wanted: Any) -> dict[str, Any]:
    for record in _records(name):
        if all(record.get(key) == value for key, value in wanted.items()):
            return record
    raise LookupError(f"benchmarks/out/{name}.json has no record with {wanted}: run that benchmark")


@dataclass(frozen=True)
class Measured:
    """Figures of one machine with two cores, from benchmarks/out.

    Attributes:
        receive_rate: flows/s that one collector took without a drop, NetFlow v9 (`ingest`).
        collect_cpu: CPU seconds for a million flows, from the datagram to the sealed file (`ingest`, v9, whole).
        collect_mb: memory of a collector at its peak (`ingest`, v9).
        export_bytes: bytes of IP packets for each flow, NetFlow v9, computed by encoding flows.
        sealed_bytes: bytes for each flow in the files of slots (`analysis`, files).
        lake_bytes: bytes for each flow in the files of hours, with their roll-ups (`analysis`, files).
        compact_cpu: CPU seconds for a million flows that are joined into hours (`compaction`).
        compact_mb: memory of that process at its peak (`compaction`).
        kafka_cpu: CPU seconds for a million flows to Kafka, Arrow (`kafka_outage`); minutes of waiting are in it.
        kafka_bytes: bytes for each flow in a message, Arrow (`kafka_outage`).
        duck_cpu: CPU seconds for a million flows grouped by connection (`analysis`, `-a`, all flows are read).
        duck_filter_cpu: the same for a filter with a top list (`analysis`).
        duck_rollup_seconds: top source addresses of ten million flows from roll-ups, warm (`analysis`).
        spark_cpu: core seconds for a million flows grouped by connection in Spark, `-s record/bytes` (`spark_dump`):
            two workers of one core each, so twice the seconds by which the largest size takes longer than the smallest.
        spark_line_cpu: the same for the mean of its fifty lines.
        spark_seconds: the quickest of those lines at the smallest size, the start of a session included (`spark_dump`).
    """

    receive_rate: float
    collect_cpu: float
    collect_mb: float
    export_bytes: float
    sealed_bytes: float
    lake_bytes: float
    compact_cpu: float
    compact_mb: float
    kafka_cpu: float
    kafka_bytes: float
    duck_cpu: float
    duck_filter_cpu: float
    duck_rollup_seconds: float
    spark_cpu: float
    spark_line_cpu: float
    spark_seconds: float


@dataclass(frozen=True)
class Assumed:
    """What was not measured by these benchmarks.

    Attributes:
        night: rate at 3 o'clock of a site's time, as a share of its peak at 15 o'clock; a cosine between.
        zones: time zones that sites are spread over, evenly around the day.
        spread: the k-th largest site has 1/k to the power of this of the largest one's rate.
        exporter_rate: flows/s of one exporter at its peak.
        fill: a collector gets this share of the rate that was measured; a core is busy for this share at the peak.
        link: bandwidth of a site to the lake, as a multiple of what it sends at its peak.
        outage_hours: a site's link is away for so long, from noon.
        restart_seconds: a collector is away for so long when its machine starts anew.
        list_keys: keys in one answer of S3.
        list_seconds: for each such answer.
        list_parallel: such requests at once.
        executor_cores: cores of an executor.
        keep_days: how long the lake keeps flows.
    """

    night: float = 0.3
    zones: int = 8
    spread: float = 0.5
    exporter_rate: float = 1000
    fill: float = 0.5
    link: float = 2
    outage_hours: float = 6
    restart_seconds: float = 30
    list_keys: int = 1000
    list_seconds: float = 0.05
    list_parallel: int = 16
    executor_cores: int = 4
    keep_days: int = 90


SETTINGS: dict[str, float] = {
    name: getattr(DEFAULT, name) for name in ("segment_rows", "compact_rows", "kafka_bytes", "flush_seconds")
}
"""Bounds of the program that files and losses depend on."""


def measured() -> Measured:
    """The figures of the last runs."""
    v9 = _one("ingest", benchmark="ingest.cpu", kind="v9")
    if v9["nftui_kernel_drops"] or v9["nftui_sent"] != v9["nftui_stored"]:
        raise LookupError("the collector of section ingest lost flows: its rate is no limit to plan with")
    kafka = _one("kafka_outage", format="arrow")
    joined = _one("compaction")
    pairs, filtered = (_one("analysis", question=name) for name in ("-a, top 10", "filter, top dstip"))
    flows = _one("analysis", packets=_records("analysis")[0]["packets"])["flows"]
    return Measured(
        receive_rate=v9["rate"],
        collect_cpu=v9["nftui_cpu_per_million_whole"],
        collect_mb=v9["nftui_rss_mb"],
        export_bytes=export_bytes(),
        sealed_bytes=_one("analysis", files="nftui-sealed")["bytes per flow"],
        lake_bytes=_one("analysis", files="nftui-compacted")["bytes per flow"],
        compact_cpu=joined["cpu_per_million"],
        compact_mb=joined["peak_mb"],
        kafka_cpu=kafka["kafka_cpu_seconds"] / kafka["sent"] * 1e6,
        kafka_bytes=kafka["bytes_per_flow_waiting"],
        duck_cpu=pairs["nftui CPU s"] / flows * 1e6,
        duck_filter_cpu=filtered["nftui CPU s"] / flows * 1e6,
        duck_rollup_seconds=_one("analysis", question="top srcip")["warm s"],
        spark_cpu=_spark_growth("-s record/bytes -n 20"),
        spark_line_cpu=_spark_growth(None),
        spark_seconds=min(row["1 M Spark s"] for row in _records("spark_dump") if _SPARK_LINE in row),
    )


def _spark_growth(line: str | None) -> float:
    """Core seconds for each further million flows, of one line or (None) of the mean of all.

    What does not grow with the flows, such as the start of a session, is in both sizes and so in neither.
    """
    (small, *_, large) = (row["flows"] for row in _records("spark_dump") if "flows" in row)
    sizes = [f"{flows / 1e6:g} M Spark s" for flows in (small, large)]
    rows = [row for row in _records("spark_dump") if line in (row.get(_SPARK_LINE), None) and _SPARK_LINE in row]
    before, after = (sum(row[size] for row in rows) / len(rows) for size in sizes)
    return float(_SPARK_CORES * (after - before) / (large - small) * 1e6)


@cache
def export_bytes() -> float:
    """Bytes of IP packets that carry one flow of NetFlow v9, templates included."""
    datagrams = make_stream("v9", 50_000, 1).datagrams
    return float((datagrams.length + _IP_UDP_BYTES).sum() / np.sum(datagrams.flows))
