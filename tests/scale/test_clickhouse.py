"""The ClickHouse table in chDB, which is ClickHouse's engine without a server: statements, types, files of a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_samples import NOON_MS, sample_flows

from nftui.engine.clickhouse import kafka_ddl, table_ddl
from nftui.engine.clock import ManualClock
from nftui.engine.schema import FIELDS, Kind
from nftui.engine.store.writer import StoreWriter
from nftui.errors import UsageError


def statements(text: str) -> list[str]:
    return [part for part in text.split(";\n") if part.strip()]


@pytest.fixture
def clickhouse():
    session = pytest.importorskip("chdb.session", reason="chDB is not installed; `make scale-test` does").Session()
    session.query("CREATE DATABASE d")
    session.query("USE d")
    yield lambda text: session.query(text, "CSV").data().strip()
    session.close()


def test_every_field_has_its_columns():
    text = table_ddl("flows")
    for field in FIELDS.values():
        for column in field.physical:
            assert f"    `{column}` " in text
        if field.kind is Kind.ADDRESS:
            assert f"    {field.name} {'IPv6' if field.name == 'sampler_address' else 'Nullable(IPv6)'} ALIAS" in text


@pytest.mark.parametrize("name", ["", "a.b.c", "flows; DROP TABLE x", "fl`ows", "1flows", "flöws"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(UsageError):
        table_ddl(name)


def test_a_text_cannot_end_its_quotes():
    assert "kafka_topic_list = 'a\\'b\\\\'," in kafka_ddl("flows", ["k:9092"], "a'b\\")


def test_files_of_a_store_go_in_and_come_out_as_they_were(clickhouse, tmp_path: Path):
    batch = sample_flows(0, 3000)
    writer = StoreWriter(tmp_path / "store", 300, ManualClock(NOON_MS))
    writer.open()
    writer.append(batch)
    writer.close()
    for statement in statements(table_ddl("flows", 36_500)):
        clickhouse(statement)
    clickhouse(f"INSERT INTO flows SELECT * FROM file('{tmp_path}/store/date=*/hour=*/*.parquet', Parquet)")
    octets, packets = (int(batch.columns[name].sum()) for name in ("bytes", "packets"))
    assert clickhouse("SELECT count(), sum(bytes), sum(scaled_packets) FROM flows") == f"3000,{octets},{packets}"
    assert clickhouse("SELECT src_addr, dst_addr, next_hop, sampling_rate FROM flows WHERE flow_id = 5") == (
        '"::ffff:10.0.17.243","::ffff:198.51.100.5",\\N,\\N'
    )
    assert clickhouse("SELECT DISTINCT time_received FROM flows") == '"2026-11-21 12:00:00.000"'


def test_the_statements_for_kafka_are_understood(clickhouse):
    for statement in statements(table_ddl("flows")):
        clickhouse(statement)
    # No consumer is started here: chDB ends it with the session.
    clickhouse("EXPLAIN AST " + statements(kafka_ddl("flows", ["127.0.0.1:9"], "flows"))[0])
    clickhouse("EXPLAIN AST " + statements(kafka_ddl("flows", ["127.0.0.1:9"], "flows"))[1])
