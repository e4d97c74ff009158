"""The health of the engine as OpenMetrics text, for Prometheus and whoever reads its format.

Source: OpenMetrics 1.0 (IETF draft-richih-opsawg-openmetrics-00). A counter `datagrams.rejected.short` becomes
`nftui_datagrams_rejected_total{kind="short"}`: the first two words are the name, the rest is the label.

No label has a value that a sender can choose without bound: kinds are those of docs/counters.md, and of exporters the
first `EXPORTERS` have their own label, all others together are `other`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nftui.engine.decode.status import ExporterStatus
from nftui.engine.health import Health

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
EXPORTERS = 200
"""Exporters with a label of their own: with five counters each, a thousand series."""
_LEVELS = {
    "flows.in_memory": "nftui_flows_in_memory", "kafka.flows_waiting": "nftui_kafka_flows_waiting",
    "kafka.bytes_waiting": "nftui_kafka_bytes_waiting", "kafka.bytes_peak": "nftui_kafka_bytes_peak",
    "lake.waiting": "nftui_lake_waiting_files", "lake.lag_seconds": "nftui_lake_lag_seconds",
}  # fmt: skip
_ALWAYS = (
    "datagrams.received", "datagrams.decoded", "bytes.received", "records.seen", "records.flows", "flows.in",
    "flows.stored", "flows.filtered", "sequence.lost", "kernel.dropped", "decoder_bug",
)  # fmt: skip
"""Counters that are there from the start, as 0: a rate needs a first value."""
_PER_EXPORTER = {
    "datagrams.received": "datagrams", "bytes.received": "bytes", "flows.in": "flows", "sequence.lost": "lost",
    "datagrams.dropped.rate_limit": "rate_limited", "flows.filtered": "filtered",
}  # fmt: skip
_WORKER_STATES = ("ready", "running", "restarting", "failed", "stopped")

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Family:
    kind: str
    about: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)


class Metrics:
    """Makes the text. Remembers which exporters have a label, so that no series changes its meaning."""

    def __init__(self, exporters: int = EXPORTERS) -> None:
        self._limit = exporters
        self._known: dict[str, dict[str, int]] = {}
        self._last: dict[str, dict[str, int]] = {}

    def text(self, health: Health, exporters: Iterable[ExporterStatus]) -> str:
        """All metrics at one moment, with the `# EOF` that ends them."""
        families: dict[str, _Family] = {}
        _counters(families, health.counts)
        self._exporters(families, health.counts, exporters)
        _state(families, health)
        lines: list[str] = []
        for name, family in families.items():
            lines.append(f"# TYPE {name} {family.kind}")
            lines.append(f"# HELP {name} {_escape(family.about)}")
            lines += [f"{name}{suffix}{_labels(labels)} {_number(value)}" for suffix, labels, value in family.samples]
        return "\n".join([*lines, "# EOF", ""])

    def _exporters(
        self, families: dict[str, _Family], counts: Mapping[str, int], exporters: Iterable[ExporterStatus]
    ) -> None:
        now: dict[str, dict[str, int]] = {}
        for exporter in exporters:  # several ports of one address share its counts
            now[exporter.address] = {name: exporter.counts.get(name, 0) for name in _PER_EXPORTER}
        for address, values in now.items():
            if address not in self._known and len(self._known) >= self._limit:
                continue
            sums, last = self._known.setdefault(address, dict.fromkeys(_PER_EXPORTER, 0)), self._last.get(address, {})
            for name, value in values.items():
                step = value - last.get(name, 0)
                sums[name] += step if step >= 0 else value  # forgotten meanwhile, and counted anew
        self._last = {address: now[address] for address in self._known if address in now}
        for name, short in _PER_EXPORTER.items():
            family = families[f"nftui_exporter_{short}"] = _Family("counter", f"{name} by exporter")
            own = 0
            for address, sums in self._known.items():
                own += sums[name]
                family.samples.append(("_total", (("exporter", address),), sums[name]))
            family.samples.append(("_total", (("exporter", "other"),), max(0, counts.get(name, 0) - own)))


def _counters(families: dict[str, _Family], counts: Mapping[str, int]) -> None:
    for name in sorted({*_ALWAYS, *counts}):
        if name in _LEVELS:
            continue
        subject, _, rest = name.partition(".")
        what, _, kind = rest.partition(".")
        full = f"nftui_{subject}_{what}" if what else f"nftui_{subject}"
        about = f"{subject}.{what}" if what else subject
        family = families.setdefault(full, _Family("counter", f"{about}, see docs/counters.md"))
        labels: Labels = (("kind", kind),) if kind else ()
        family.samples.append(("_total", labels, counts.get(name, 0)))
    for name, full in _LEVELS.items():
        if (name.startswith("kafka.") and "kafka.flows" not in counts) or (
            name.startswith("lake.") and name not in counts
        ):
            continue
        families[full] = _Family("gauge", f"{name}, see docs/counters.md", [("", (), counts.get(name, 0))])


def _state(families: dict[str, _Family], health: Health) -> None:
    def gauge(name: str, about: str, value: float | None) -> None:
        if value is not None:
            families[f"nftui_{name}"] = _Family("gauge", about, [("", (), value)])

    gauge("uptime_seconds", "Seconds since the start.", health.uptime_seconds)
    gauge("queue_fill_ratio", "Queue to the store, 0 to 1.", health.queue_fill)
    gauge("queue_peak_ratio", "The same at its fullest since the start.", health.queue_peak)
    gauge("warnings", "Warnings that the user should read.", len(health.warnings))
    gauge("refused_senders", "Latest senders that are not allowed, at most 20.", len(health.refused))
    gauge("days_left", "Days until the disk is full at the present rate.", health.days_left)
    store = health.store
    if store is not None:
        gauge("store_unsaved_flows", "Flows in memory of the store.", store.unsaved_flows)
        gauge("store_live_flows", "Flows in live segments.", store.live_flows)
        gauge("store_live_bytes", "Bytes of live segments.", store.live_bytes)
        gauge("store_waiting_segments", "Segments that wait for being sealed.", store.waiting_segments)
        gauge("store_free_bytes", "Space left, -1 if unknown.", store.free_bytes)
        gauge("store_failed", "1 while flows cannot be written or sealed.", int(bool(store.error)))
        for name, value in (
            ("parts", store.sealed_parts),
            ("flows", store.sealed_flows),
            ("bytes", store.sealed_bytes),
        ):
            families[f"nftui_store_sealed_{name}"] = _Family(
                "counter", f"Sealed {name} since the start.", [("_total", (), value)]
            )
    threads = families["nftui_thread_state"] = _Family("stateset", "State of each thread.")
    restarts = families["nftui_thread_restarts"] = _Family("counter", "How often a thread was started again.")
    for worker in health.workers:
        for state in _WORKER_STATES:
            labels = (("thread", worker.name), ("nftui_thread_state", state))
            threads.samples.append(("", labels, int(worker.status == state)))
        restarts.samples.append(("_total", (("thread", worker.name),), worker.restarts))


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}" if labels else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) or math.isfinite(value) else "NaN"
