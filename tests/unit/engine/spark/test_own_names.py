"""Steps of nested statements get names of their own, and mean what they meant."""

from __future__ import annotations

import duckdb
import pytest

pytest.importorskip("sqlglot", reason="the extra spark is not installed")

from sqlglot import exp

from nftui.engine.query.portable.spark import own_names
from nftui.engine.query.portable.translate import parse

TWICE = (
    "(WITH one AS MATERIALIZED (SELECT a % {0} AS key FROM flows GROUP BY 1 HAVING COUNT(*) > 1), "
    "two AS NOT MATERIALIZED (SELECT * FROM flows ANTI JOIN one ON a = one.key) "
    "SELECT a FROM two UNION ALL SELECT key FROM one) AS flows_passed"
)
SHADOWED = (
    "WITH one AS (SELECT 1 AS a) SELECT one.a + inner_one.a AS a FROM one, "
    "(WITH one AS (SELECT 10 AS a UNION ALL SELECT 20) SELECT * FROM one) AS inner_one"
)


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT a FROM {TWICE.format(3)} UNION ALL SELECT a FROM {TWICE.format(5)}",
        f"WITH one AS (SELECT a FROM {TWICE.format(3)}) SELECT one.a FROM one JOIN one AS other ON one.a = other.a",
        SHADOWED,
        "WITH flows AS (SELECT a + 1 AS a FROM flows), more AS (SELECT a FROM flows) SELECT * FROM more",
    ],
)
def test_names_are_unique_and_rows_the_same(text: str) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE flows AS SELECT UNNEST(RANGE(12)) AS a")
    expected = sorted(connection.execute(text).fetchall())
    assert expected
    assert sorted(connection.execute(own_names(parse(text)).sql("duckdb")).fetchall()) == expected
    names = [step.alias for step in own_names(parse(text)).find_all(exp.CTE)]
    assert len(names) == len(set(names)) > 1
