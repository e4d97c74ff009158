"""OpenMetrics: what prometheus_client's own parser reads out of it, and no series without bound."""

import dataclasses

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from nftui.engine.decode.status import ExporterStatus
from nftui.engine.health import Health
from nftui.engine.metrics import Metrics
from nftui.engine.store.writer import StoreStatus
from nftui.engine.supervisor import WorkerState

COUNTS = {
    "datagrams.received": 10,
    "datagrams.decoded": 7,
    "datagrams.rejected.short": 2,
    "datagrams.rejected.version": 1,
    "bytes.received": 15_000,
    "flows.in": 210,
    "flows.in_memory": 10,
    "flows.stored": 180,
    "flows.filtered": 20,
    "kernel.dropped": 3,
    "decoder_bug": 1,
    "connections.ended.closed": 4,
}


def exporter(address: str, port: int = 2055, **counts: int) -> ExporterStatus:
    known = {name.replace("_", "."): amount for name, amount in counts.items()}
    fields = {field.name: () for field in dataclasses.fields(ExporterStatus)}
    return ExporterStatus(**{**fields, "address": address, "port": port, "counts": known})


def samples(text: str) -> dict[tuple, float]:
    """Name and labels to value, as the reference parser sees them."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def test_every_counter_is_there_under_its_name():
    found = samples(Metrics().text(Health(0, counts=COUNTS), []))
    assert found["nftui_datagrams_received_total",] == 10
    assert found["nftui_datagrams_rejected_total", ("kind", "short")] == 2
    assert found["nftui_datagrams_rejected_total", ("kind", "version")] == 1
    assert found["nftui_flows_stored_total",] == 180
    assert found["nftui_flows_filtered_total",] == 20
    assert found["nftui_flows_in_memory",] == 10
    assert found["nftui_kernel_dropped_total",] == 3
    assert found["nftui_decoder_bug_total",] == 1
    assert found["nftui_connections_ended_total", ("kind", "closed")] == 4
    assert found["nftui_sequence_lost_total",] == 0  # there from the start


def test_state_of_store_and_threads():
    store = StoreStatus(1, 2, 3, 4, 5, 6, 7, 0, 8, 9, "disk full")
    workers = (WorkerState("receive", "running"), WorkerState("store", "failed", 3, "OSError: x"))
    health = Health(
        0, uptime_seconds=12.5, queue_fill=0.25, store=store, workers=workers, warnings=("a", "b"), days_left=3.5
    )
    found = samples(Metrics().text(health, []))
    assert found["nftui_uptime_seconds",] == 12.5
    assert found["nftui_queue_fill_ratio",] == 0.25
    assert found["nftui_warnings",] == 2
    assert found["nftui_days_left",] == 3.5
    assert found["nftui_store_failed",] == 1
    assert found["nftui_store_free_bytes",] == 8
    assert found["nftui_store_sealed_flows_total",] == 6
    assert found["nftui_thread_state", ("nftui_thread_state", "running"), ("thread", "receive")] == 1
    assert found["nftui_thread_state", ("nftui_thread_state", "running"), ("thread", "store")] == 0
    assert found["nftui_thread_state", ("nftui_thread_state", "failed"), ("thread", "store")] == 1
    assert found["nftui_thread_restarts_total", ("thread", "store")] == 3


def flows_of(found: dict[tuple, float]) -> dict[str, float]:
    return {key[1][1]: value for key, value in found.items() if key[0] == "nftui_exporter_flows_total"}


def test_exporters_beyond_the_limit_are_one():
    metrics = Metrics(exporters=2)
    health = Health(0, counts={"flows.in": 100})
    first = [
        exporter("192.0.2.1", flows_in=10),
        exporter("192.0.2.1", 9, flows_in=10),
        exporter("fe80::1", flows_in=20),
    ]
    assert flows_of(samples(metrics.text(health, first))) == {"192.0.2.1": 10, "fe80::1": 20, "other": 70}
    more = [exporter(f"198.51.100.{number}", flows_in=5) for number in range(50)] + first
    found = samples(metrics.text(health, more))
    assert flows_of(found) == {"192.0.2.1": 10, "fe80::1": 20, "other": 70}
    assert len([key for key in found if key[0].startswith("nftui_exporter_")]) == 3 * 6


def test_counters_never_fall_when_an_exporter_is_forgotten():
    metrics = Metrics()
    health = Health(0, counts={"flows.in": 100})
    metrics.text(health, [exporter("192.0.2.1", flows_in=30)])
    assert flows_of(samples(metrics.text(health, []))) == {"192.0.2.1": 30, "other": 70}
    assert flows_of(samples(metrics.text(health, [exporter("192.0.2.1", flows_in=4)]))) == {
        "192.0.2.1": 34,
        "other": 66,
    }
    assert flows_of(samples(metrics.text(health, [exporter("192.0.2.1", flows_in=9)])))["192.0.2.1"] == 39


def test_hostile_text_cannot_break_the_format():
    worker = WorkerState('a"}\n# EOF\\', "running")
    found = samples(Metrics().text(Health(0, workers=(worker,)), []))
    assert found["nftui_thread_restarts_total", ("thread", 'a"}\n# EOF\\')] == 0


def test_the_end_is_marked():
    text = Metrics().text(Health(0), [])
    assert text.endswith("\n# EOF\n")
    with pytest.raises(ValueError, match="EOF"):
        list(text_string_to_metric_families(text.removesuffix("# EOF\n")))


def test_a_lake_has_levels_where_there_is_one():
    found = samples(Metrics().text(Health(0, counts=COUNTS | {"lake.waiting": 3, "lake.lag_seconds": 40}), []))
    assert (found["nftui_lake_waiting_files",], found["nftui_lake_lag_seconds",]) == (3, 40)
    assert not any("lake" in name for name, *_ in samples(Metrics().text(Health(0, counts=COUNTS), [])))
