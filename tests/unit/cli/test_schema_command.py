"""`nftui schema`: the fields of a flow, and statements for ClickHouse."""

from __future__ import annotations

import json

from click.testing import CliRunner

from nftui.cli.schema import schema
from nftui.engine.schema import FIELDS


def run(*words: str) -> str:
    result = CliRunner().invoke(schema, words, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.output


def test_every_field_is_listed():
    lines = run().splitlines()
    assert [line.split()[0] for line in lines] == list(FIELDS)
    assert lines[0].endswith("int64    When the datagram arrived here. [ms]")


def test_fields_for_programs():
    fields = json.loads(run("--json"))
    found = next(field for field in fields if field["name"] == "src_addr")
    assert (found["type"], found["columns"], found["elements"][0]) == ("address", ["src_addr_hi", "src_addr_lo"], 8)


def test_a_table_for_clickhouse_with_its_queue():
    text = run("clickhouse", "--table", "net.flows", "--days", "30", "--kafka", "k:9092", "--topic", "t")
    assert text.startswith("CREATE TABLE `net`.`flows`")
    assert "INTERVAL 30 DAY" in text
    assert "CREATE MATERIALIZED VIEW `net`.`flows_consumer` TO `net`.`flows`" in text


def test_options_of_another_system_are_refused():
    result = CliRunner().invoke(schema, ["--days", "3"], standalone_mode=False)
    assert "clickhouse" in str(result.exception)
