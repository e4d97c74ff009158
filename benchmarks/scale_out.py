"""What many sites with many flows need: a simulation from the figures of the other benchmarks.

    python benchmarks/scale_out.py              print the tables
    python benchmarks/scale_out.py --write      put them into docs/scale-out.md

Nothing is measured here, and nothing of this size was ever run. Each site follows the day of its time zone, minute by
minute for three days; one site's link fails and catches up; files are counted as the store writes and joins them. All
inputs stand in scale_inputs.py and in the output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scale_inputs import SETTINGS, Assumed, Measured, measured

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale-out.md"
BEGIN, END = "<!-- made by benchmarks/scale_out.py -->", "<!-- end of what it made -->"
SCENARIOS = ((1e5, 1), (3e5, 3), (1e6, 10), (3e6, 20), (1e7, 50), (3e7, 100), (1e8, 200))
"""Flows/s of all sites at their peaks, and how many sites."""

_DAY = 86_400
_SLOT = 300
_SEGMENT_ROWS, _HOUR_ROWS = SETTINGS["segment_rows"], SETTINGS["compact_rows"]
_KAFKA_BYTES, _FLUSH = SETTINGS["kafka_bytes"], SETTINGS["flush_seconds"]
_MINUTES = 1440
_NOON = 12 * 60
Rates = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """One scenario.

    Attributes:
        rate: flows/s, the sum of all sites' peaks.
        sites: how many.
        exporters: how many.
        collectors: how many, each with a store of its own in the lake.
        cores: of all collectors, compaction and Kafka included.
        memory_gb: of all collectors.
        mean_rate: flows/s over a day.
        day_gb: the lake's growth.
        lake_tb: when the oldest go.
        uplink_mbit: of the largest site to the lake, at its peak.
        kafka_mbit: of all sites into Kafka, at the busiest minute.
        files_day: files of a day in the lake, when its hours are joined.
        files: when the oldest go.
        list_seconds: to list one day of all sites in S3.
        compact_share: of an hour that joining the busiest collector's hour takes.
        spool_gb: what the largest site keeps while its link is away.
        catch_up_hours: until all of that is in the lake.
        kafka_seconds: how long a collector of the largest site keeps flows for Kafka at its peak.
        restart_lost: share of a day that is lost when one collector starts anew.
        minute_cores: of Spark, for the connections of all flows of a day in a minute.
        hour_cores: the same in an hour.
    """

    rate: float
    sites: int
    exporters: int
    collectors: int
    cores: float
    memory_gb: float
    mean_rate: float
    day_gb: float
    lake_tb: float
    uplink_mbit: float
    kafka_mbit: float
    files_day: float
    files: float
    list_seconds: float
    compact_share: float
    spool_gb: float
    catch_up_hours: float
    kafka_seconds: float
    restart_lost: float
    minute_cores: float
    hour_cores: float


def site_peaks(rate: float, sites: int, assumed: Assumed) -> Rates:
    """Peak rates of the sites, the largest first."""
    weights = 1.0 / np.arange(1, sites + 1) ** assumed.spread
    return rate * weights / weights.sum()


def day_curve(assumed: Assumed, zone: int = 0) -> Rates:
    """Rate in each minute of a day, as a share of the peak, for a site whose clock is so many zones ahead."""
    minutes = np.arange(_MINUTES) + zone * _MINUTES / assumed.zones
    middle, swing = (1 + assumed.night) / 2, (1 - assumed.night) / 2
    return middle + swing * np.cos((minutes - 15 * 60) / _MINUTES * 2 * np.pi)


def link_failure(peak: float, bytes_per_flow: float, assumed: Assumed) -> tuple[float, float]:
    """A site's link is away from noon: bytes kept at most, and hours from its return until the lake has them."""
    sent = np.tile(day_curve(assumed), 3) * peak * bytes_per_flow * 60
    room = assumed.link * peak * bytes_per_flow * 60
    first, last = _NOON, _NOON + int(assumed.outage_hours * 60)
    kept, most = 0.0, 0.0
    for minute in range(first, len(sent)):
        kept += sent[minute] - (room if minute >= last else 0.0)
        if minute >= last and kept <= 0:
            return most, (minute + 1 - last) / 60
        most = max(most, kept)
    return most, float("inf")


def simulate(rate: float, sites: int, known: Measured, assumed: Assumed) -> Result:
    """A day of all sites, and what goes wrong in it."""
    peaks = site_peaks(rate, sites, assumed)
    curves = np.stack([day_curve(assumed, zone % assumed.zones) for zone in range(sites)])
    collectors = np.ceil(peaks / (known.receive_rate * assumed.fill)).astype(int)
    flows_day = float((curves.sum(axis=1) * 60 * peaks).sum())

    # Files, as one collector of each site writes them; hours of UTC, as the store has them.
    share = (peaks / collectors)[:, None]
    hours = curves.reshape(sites, 24, 60).sum(axis=2) * 60 * share
    hour_files = (np.ceil(hours / _HOUR_ROWS) * 2 * collectors[:, None]).sum()
    slots = curves.reshape(sites, -1, _SLOT // 60).sum(axis=2) * 60 * share
    slot_files = (np.ceil(slots / _SEGMENT_ROWS) * collectors[:, None]).sum()
    open_files = slot_files / 24 * 2  # the hour that is written and the one before it
    day_keys = np.ceil(hours / _HOUR_ROWS).sum(axis=1) * 2
    requests = (np.ceil(day_keys / assumed.list_keys) * collectors).sum()

    bytes_up = known.sealed_bytes + known.lake_bytes  # each flow goes up in its slot, and again in its hour
    spool, catch_up = link_failure(float(peaks[0]), bytes_up, assumed)
    cpu = known.collect_cpu + known.compact_cpu + known.kafka_cpu
    million = flows_day / 1e6 * known.spark_cpu
    return Result(
        rate=rate, sites=sites, exporters=int(np.ceil(peaks / assumed.exporter_rate).sum()),
        collectors=int(collectors.sum()), cores=float(np.ceil(peaks * cpu / 1e6 / assumed.fill).sum()),
        memory_gb=float(collectors.sum()) * (known.collect_mb + known.compact_mb + _KAFKA_BYTES / 1e6) / 1e3,
        mean_rate=flows_day / _DAY, day_gb=flows_day * known.lake_bytes / 1e9,
        lake_tb=flows_day * known.lake_bytes * assumed.keep_days / 1e12,
        uplink_mbit=float(peaks[0]) * bytes_up * 8 / 1e6,
        kafka_mbit=float((curves * peaks[:, None]).sum(axis=0).max()) * known.kafka_bytes * 8 / 1e6,
        files_day=float(hour_files), files=float(hour_files * assumed.keep_days + open_files),
        list_seconds=float(np.ceil(requests / assumed.list_parallel)) * assumed.list_seconds,
        compact_share=float(hours.max()) / 1e6 * known.compact_cpu / 3600,
        spool_gb=spool / 1e9, catch_up_hours=catch_up,
        kafka_seconds=_KAFKA_BYTES / known.kafka_bytes / float(peaks[0] / collectors[0]),
        restart_lost=(assumed.restart_seconds + _FLUSH) * float(peaks[0] / collectors[0]) / flows_day,
        minute_cores=million / (60 - known.spark_seconds), hour_cores=million / (3600 - known.spark_seconds),
    )  # fmt: skip


def number(value: float) -> str:
    """Two digits that count, with a thousands separator."""
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else "never"
    digits = max(0, 1 - int(np.floor(np.log10(abs(value)))))
    return f"{round(value, 1 - int(np.floor(np.log10(abs(value))))):,.{digits}f}"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def one_machine(known: Measured) -> str:
    """Where the machine that was measured, with two cores, ends."""
    day_in_a_minute = 60 * 2 / known.duck_cpu * 1e6 / _DAY
    filter_in_a_minute = 60 * 2 / known.duck_filter_cpu * 1e6 / _DAY
    rows = [
        ("one collector receives, without a drop", f"{number(known.receive_rate)} flows/s", "measured; not its end"),
        ("CPU from datagram to sealed file", f"{number(known.collect_cpu * 1000)} ns a flow", "measured"),
        ("CPU of joining hours", f"{number(known.compact_cpu * 1000)} ns a flow", "measured"),
        ("joining an hour takes an hour of one core at", f"{number(1e6 / known.compact_cpu)} flows/s a collector",
         "computed"),
        ("disk, hours joined, with roll-ups", f"{number(known.lake_bytes)} bytes a flow", "measured"),
        ("1 TB of disk lasts, at 10,000 flows/s", f"{number(1e12 / (1e4 * known.lake_bytes * _DAY))} days", "computed"),
        ("all flows grouped by connection (`-a`), one core", f"{number(1e6 / known.duck_cpu)} flows/s", "measured"),
        ("filter and top list, one core", f"{number(1e6 / known.duck_filter_cpu)} flows/s", "measured"),
        ("a day's connections within a minute, two cores, up to", f"{number(day_in_a_minute)} flows/s", "extrapolated"),
        ("a day's filter within a minute, two cores, up to", f"{number(filter_in_a_minute)} flows/s", "extrapolated"),
        ("top addresses of 10 M flows in 6 hours, from roll-ups", f"{number(known.duck_rollup_seconds)} s", "measured"),
    ]  # fmt: skip
    return table(("limit", "figure", ""), rows)


def per_100k(known: Measured, assumed: Assumed) -> str:
    """What each 100 000 flows/s cost, at their peak unless a day is named."""
    rate = 1e5
    mean = rate * float(day_curve(assumed).mean())
    bits = 8 * rate / 1e6
    cores = mean * _DAY / 1e6 * known.spark_cpu / 60
    executors = f"{number(float(np.ceil(cores / assumed.executor_cores)))} executors of {assumed.executor_cores}"
    up = known.sealed_bytes + known.lake_bytes
    rows = [
        ("export traffic, NetFlow v9", f"{number(bits * known.export_bytes)} Mbit/s"),
        ("CPU: receive, store, seal", f"{number(rate * known.collect_cpu / 1e6)} cores"),
        ("CPU: join hours", f"{number(rate * known.compact_cpu / 1e6)} cores"),
        ("CPU: Kafka, Arrow", f"{number(rate * known.kafka_cpu / 1e6)} cores"),
        ("memory: collector, joining, Kafka's queue",
         f"{number(known.collect_mb)} + {number(known.compact_mb)} + {number(_KAFKA_BYTES / 1e6)} MB"),
        ("lake, a day (mean of the day's curve)", f"{number(mean * _DAY * known.lake_bytes / 1e9)} GB"),
        ("to the lake, slots and joined hours", f"{number(bits * up)} Mbit/s"),
        ("to Kafka, Arrow, one copy", f"{number(bits * known.kafka_bytes)} Mbit/s"),
        ("Spark: a day's connections in a minute", f"{number(cores)} cores, {executors}"),
        ("Spark: the same in ten minutes", f"{number(cores / 10)} cores"),
        ("Spark: a day, the mean of fifty questions, in a minute",
         f"{number(cores * known.spark_line_cpu / known.spark_cpu)} cores"),
    ]  # fmt: skip
    return table(("100,000 flows/s", "needs"), rows)


def sites_tables(results: Sequence[Result], assumed: Assumed) -> list[str]:
    """The scenarios: what stands there, and what goes wrong."""
    heads = [(f"{result.rate / 1e6:g} M", str(result.sites)) for result in results]
    standing = table(
        ("flows/s at the peak", "sites", "exporters", "collectors", "cores", "memory, GB", "lake, a day",
         f"lake, {assumed.keep_days} days", "uplink of the largest site", "Kafka, in"),
        [[*head, f"{r.exporters:,}", f"{r.collectors:,}", number(r.cores), number(r.memory_gb),
          f"{number(r.day_gb / 1000)} TB", f"{number(r.lake_tb)} TB", f"{number(r.uplink_mbit)} Mbit/s",
          f"{number(r.kafka_mbit / 1000)} Gbit/s"] for head, r in zip(heads, results, strict=True)],
    )  # fmt: skip
    asking = table(
        ("flows/s at the peak", "sites", "files a day", f"files, {assumed.keep_days} days", "listing a day in S3",
         "joining an hour", "Spark cores, a day's connections in an hour", "in a minute"),
        [[*head, number(r.files_day), number(r.files), f"{number(r.list_seconds)} s",
          f"{number(100 * r.compact_share)} % of it", number(r.hour_cores), number(r.minute_cores)]
         for head, r in zip(heads, results, strict=True)],
    )  # fmt: skip
    failing = table(
        ("flows/s at the peak", "sites", "kept at the largest site", "in the lake after",
         "Kafka away: flows are lost there after", "a collector starts anew: lost of the day"),
        [[*head, f"{number(r.spool_gb)} GB", f"{number(r.catch_up_hours)} h", f"{number(r.kafka_seconds)} s",
          f"{number(100 * r.restart_lost)} %"] for head, r in zip(heads, results, strict=True)],
    )  # fmt: skip
    return [standing, asking, failing]


def inputs(known: Measured, assumed: Assumed) -> str:
    """All inputs, by whether they were measured."""
    about = {name: text for cls in (Measured, Assumed) for name, text in _attributes(cls).items()}
    rows = []
    for values, kind in ((known, "measured"), (assumed, "assumed")):
        for name, value in vars(values).items():
            shown = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
            computed = "computed" if name == "export_bytes" else kind
            rows.append([f"`{name}`", shown, computed, about[name]])
    rows += [[f"`{name}`", f"{value:,.4g}" if value < 1000 else f"{value:,.0f}", "setting", "nftui/engine/limits.py"]
             for name, value in SETTINGS.items()]  # fmt: skip
    return table(("input", "value", "", "what it is"), rows)


def _attributes(cls: type) -> dict[str, str]:
    """Attributes of a docstring: name to text."""
    found: dict[str, str] = {}
    name = ""
    for line in str(cls.__doc__).partition("Attributes:\n")[2].splitlines():
        words = line.strip()
        if line.startswith(" " * 8) and not line.startswith(" " * 9):
            name, _, words = words.partition(": ")
        if name and words:
            found[name] = f"{found.get(name, '')} {words}".strip()
    return found


def report(known: Measured, assumed: Assumed) -> str:
    """What belongs into the page."""
    results = [simulate(rate, sites, known, assumed) for rate, sites in SCENARIOS]
    standing, asking, failing = sites_tables(results, assumed)
    parts = [
        BEGIN, "### One machine", one_machine(known), "### Each 100,000 flows/s", per_100k(known, assumed),
        "### Many sites (extrapolated)", standing, "### Files and questions (extrapolated)", asking,
        f"### A link that is away for {assumed.outage_hours:g} hours (simulated)", failing,
        "### Inputs", inputs(known, assumed), END,
    ]  # fmt: skip
    return "\n\n".join(parts)


def with_report(page: str, made: str) -> str:
    """The page with what was made in the place of what it had."""
    head, _, rest = page.partition(BEGIN)
    return head + made + rest.partition(END)[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into docs/scale-out.md")
    args = parser.parse_args()
    made = report(measured(), Assumed())
    if args.write:
        PAGE.write_text(with_report(PAGE.read_text(), made))
    else:
        print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
