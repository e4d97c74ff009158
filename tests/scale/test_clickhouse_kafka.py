"""Flows from a real broker through ClickHouse's own Kafka engine and a materialised view, in chDB.

chDB is ClickHouse's engine in one process, and the broker is Tansu: neither is the server that a site has.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_message import BYTES, NUMBERS
from kafka_broker import Broker, running_broker
from running_output import Running
from store_samples import NOON_MS, sample_flows

from nftui.engine.clickhouse import kafka_ddl, table_ddl
from nftui.engine.kafka.messages import Form

pytest.importorskip("confluent_kafka")
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clickhouse.md").read_text()
FLOWS, BATCHES = 3000, 4
NOON_NS = NOON_MS * 1_000_000
TOTAL = FLOWS * BATCHES


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as broker:
        yield broker


@pytest.fixture
def clickhouse(tmp_path: Path):
    chdb = pytest.importorskip("chdb.session", reason="chDB is not installed; `make scale-test` does")
    session = chdb.Session(str(tmp_path / "chdb"))

    def ask(text: str) -> str:
        try:
            return session.query(text, "CSV").data().strip()
        except Exception as error:
            # chDB 4.4 says so of every table of a stream, makes it all the same, and reads it.
            if "ENGINE = Kafka" in text and "Shutdown was called" in str(error):
                return ""
            raise

    ask("CREATE DATABASE d")
    ask("USE d")
    yield ask
    session.close()


def produce(broker: Broker, form: Form) -> None:
    """Hand sample flows to the broker, and return when it has them all."""
    with Running(broker.address, form) as running:
        for number in range(BATCHES):
            running.output.add(sample_flows(number * FLOWS, FLOWS))
        running.wait(lambda counts: counts["kafka.flows_delivered"] == TOTAL)


def wait_for(clickhouse, table: str) -> None:
    end = time.monotonic() + 120
    while (found := clickhouse(f"SELECT count() FROM {table}")) != str(TOTAL):
        assert time.monotonic() < end, found
        time.sleep(0.25)


def expected() -> tuple[int, int]:
    batches = [sample_flows(number * FLOWS, FLOWS) for number in range(BATCHES)]
    return sum(int(b.columns["bytes"].sum()) for b in batches), sum(int(b.columns["packets"].sum()) for b in batches)


def test_the_statements_of_the_schema_command_bring_every_flow_from_the_broker_into_the_table(broker, clickhouse):
    produce(broker, "arrow")
    text = table_ddl("flows") + kafka_ddl("flows", [broker.address], "flows")
    for statement in filter(str.strip, text.split(";\n")):
        clickhouse(statement)
    wait_for(clickhouse, "flows")
    octets, packets = expected()
    assert clickhouse("SELECT sum(bytes), sum(packets), uniqExact(flow_id) FROM flows") == f"{octets},{packets},{TOTAL}"
    assert clickhouse("SELECT src_addr, dst_addr FROM flows WHERE flow_id = 5") == (
        '"::ffff:10.0.17.243","::ffff:198.51.100.5"'
    )
    clickhouse("DROP TABLE flows_consumer")
    clickhouse("DROP TABLE flows_queue")


def test_goflow2s_messages_are_read_by_clickhouse_with_goflow2s_description(broker, clickhouse, tmp_path: Path):
    produce(broker, "protobuf")
    fields = [f"  uint64 {name} = {number};" for name, number in NUMBERS.items()]
    fields += [f"  bytes {name} = {number};" for name, number in BYTES.items()]
    lines = ['syntax = "proto3";', "package flowpb;", "message FlowMessage {", *fields, "}", ""]
    (tmp_path / "flow.proto").write_text("\n".join(lines))
    (queue,) = re.findall(r"CREATE TABLE goflow_queue .*?(?=;\n```)", PAGE, re.DOTALL)
    queue = queue.replace("kafka1.example.net:9092", broker.address).replace("'flow.proto:", f"'{tmp_path}/flow.proto:")
    assert broker.address in queue
    clickhouse(queue)
    clickhouse("CREATE TABLE goflow AS goflow_queue ENGINE = MergeTree ORDER BY tuple()")
    clickhouse("CREATE MATERIALIZED VIEW goflow_view TO goflow AS SELECT * FROM goflow_queue")
    wait_for(clickhouse, "goflow")
    octets, packets = expected()
    assert clickhouse("SELECT sum(bytes), sum(packets) FROM goflow") == f"{octets},{packets}"
    assert (
        clickhouse("SELECT uniqExact(hex(src_addr)) = uniqExact(src_addr), max(length(src_addr)) FROM goflow") == "1,4"
    )
    clickhouse("DROP TABLE goflow_view")
    clickhouse("DROP TABLE goflow_queue")
