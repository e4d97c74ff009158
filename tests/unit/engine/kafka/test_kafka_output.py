"""Flows to brokers: librdkafka's own mock of a cluster, in this process or in another, and none at all."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from running_output import Running

from nftui.config import KafkaConfig
from nftui.engine.kafka.output import KafkaOutput
from nftui.engine.kafka.settings import read_settings
from nftui.engine.ledger import Ledger
from nftui.errors import ConfigError, UsageError

kafka = pytest.importorskip("confluent_kafka")
V4 = 0xFFFF << 32


def flows(rows: int, exporters: int = 3):
    from nftui.engine.batch import FlowBatch

    return FlowBatch(
        rows,
        {
            "sampler_address_hi": np.zeros(rows, np.int64),
            "sampler_address_lo": V4 | 0xC0000200 | (np.arange(rows) % exporters),
            "bytes": np.arange(rows, dtype=np.int64), "packets": np.ones(rows, np.int64),
        },
    )  # fmt: skip


@pytest.fixture
def cluster():
    """Addresses of a mock cluster of librdkafka; not a real broker."""
    owner = kafka.Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "ignored"})
    brokers = ",".join(f"{broker.host}:{broker.port}" for broker in owner.list_topics(timeout=120).brokers.values())
    yield brokers
    del owner


@pytest.mark.parametrize("form", ["arrow", "protobuf"])
def test_flows_arrive_by_exporter_in_order(cluster: str, form: str):
    with Running(cluster, form) as running:
        for done in range(1, 6):
            running.output.add(flows(300))
            running.wait(lambda counts, done=done: counts["kafka.flows_delivered"] == 300 * done)
        assert running.output.problem == ""
    consumer = kafka.Consumer({"bootstrap.servers": cluster, "group.id": "t", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe(["flows"])
        found = []
        end = time.monotonic() + 120
        while len(found) < 15 and time.monotonic() < end:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                found.append((message.key(), message.partition()))
    finally:
        consumer.close()
    assert Counter(key for key, _ in found) == {b"192.0.2.0": 5, b"192.0.2.1": 5, b"192.0.2.2": 5}
    assert len(set(found)) == 3  # each exporter in one partition


def test_brokers_that_are_away_cost_nothing_but_the_oldest_flows():
    with Running("127.0.0.1:1", kafka_bytes=200_000) as running:
        began = time.monotonic()
        for _ in range(300):
            running.output.add(flows(300))
        assert time.monotonic() - began < 60  # nobody waited for a broker
        running.wait(lambda counts: counts["kafka.flows_dropped"] > 0 and running.output.problem)
        assert running.counts()["kafka.bytes_peak"] <= 200_000
        assert "127.0.0.1:1" in running.output.problem
        assert running.counts()["kafka.flows"] == 90_000


def test_settings_come_from_a_file_that_nobody_else_reads(tmp_path: Path):
    file = tmp_path / "kafka.conf"
    file.write_text("# secret\nsecurity.protocol = SASL_SSL\nsasl.password=a=b\n\n")
    file.chmod(0o600)
    assert read_settings(str(file)) == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_settings(str(file))
    file.chmod(0o600)
    file.write_text("nonsense\n")
    with pytest.raises(ConfigError, match="line 1: not name=value"):
        read_settings(str(file))
    with pytest.raises(ConfigError, match="No such file"):
        read_settings(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("config", "words"),
    [({"format": "json"}, "neither arrow nor protobuf"), ({"topic": ""}, "kafka.topic is empty")],
)
def test_a_bad_configuration_is_told(config: dict[str, str], words: str):
    with pytest.raises(ConfigError, match=words):
        KafkaOutput(KafkaConfig(("127.0.0.1:1",), **config), Ledger())


def test_a_setting_that_librdkafka_does_not_know_is_told(tmp_path: Path):
    file = tmp_path / "kafka.conf"
    file.write_text("no.such.setting=1\n")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match=r"no\.such\.setting"):
        KafkaOutput(KafkaConfig(("127.0.0.1:1",), settings=str(file)), Ledger())


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(UsageError, match=r"pip install 'nftui\[kafka\]'"):
        KafkaOutput(KafkaConfig(("127.0.0.1:1",)), Ledger())
