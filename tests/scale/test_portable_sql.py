"""Every statement that the program writes is made of what is known to be portable, and has a text for each engine."""

from __future__ import annotations

import pytest
from conformance import FILTERS, Case, filter_cases, shape_cases, statistic_cases
from every_flow import every_flow, flow_table
from portable_engines import DuckEngine, EngineSession, whole_file

from nftui.engine.query.portable import Dialect, NotPortable, made_table, translate
from nftui.engine.query.portable.translate import parse
from nftui.engine.query.portable.white_list import check

CASES = [*shape_cases((FILTERS[0], FILTERS[-1])), *filter_cases(), *statistic_cases()]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> tuple[DuckEngine, frozenset[str]]:
    table = flow_table(every_flow(3, 60))
    path = whole_file(tmp_path_factory.mktemp("portable") / "flows.parquet", table)
    return DuckEngine(path), frozenset(table.column_names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_statement_is_portable(case: Case, engine: tuple[DuckEngine, frozenset[str]]) -> None:
    session = EngineSession(*engine)
    case.ask(session)
    session.close()
    assert session.statements
    for statement in session.statements:
        made = made_table(statement)
        check(parse(made[1] if made else statement))
        for dialect in (Dialect.SPARK, Dialect.CLICKHOUSE):
            text = translate(statement, dialect)
            assert "MATERIALIZED" not in text
            assert " // " not in text
            # What is written is read again, so that no operand has slipped out of its brackets.
            assert parse_again(text.split(" SETTINGS ")[0], dialect)


def parse_again(text: str, dialect: Dialect) -> bool:
    import sqlglot

    return bool(sqlglot.parse_one(text, read=dialect.value))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("SELECT STRFTIME(a, 'x') FROM t", "TimeToStr"),
        ("SELECT frobnicate(a) FROM t", "frobnicate"),
        ("SELECT a FROM read_parquet(['x'])", "relation"),
        ("SELECT CAST(a AS TIMESTAMP) FROM t", "TIMESTAMP"),
        ("SELECT a FROM t JOIN u USING (a)", "JOIN"),
        ("SELECT a FROM t QUALIFY b = 1", "qualify"),
        ("SELECT LOG(10, a) FROM t", "logarithm"),
        ("SELECT a IS DISTINCT FROM b FROM t", "NullSafeNEQ"),
        ("SELECT UNNEST(a) FROM t", "UNNEST"),
        ("SELECT a || b FROM t", "Pipe"),
        ("SELECT * EXCLUDE (a) FROM t", "EXCEPT"),
        ("DELETE FROM t", "Delete"),
        ("SELECT (", "not portable"),
    ],
)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_anything_else_is_refused_by_its_name(statement: str, named: str, dialect: Dialect) -> None:
    with pytest.raises(NotPortable, match=f"(?i){named}"):
        translate(statement, dialect)


@pytest.mark.parametrize(
    ("text", "spark", "clickhouse"),
    [
        ("SUM(a)", "SUM(CAST(a AS DECIMAL(38, 0)))", "SUM(CAST(a AS Nullable(Int128)))"),
        ("a // 3", "a DIV 3", "intDiv(a, 3)"),
        ("a & -256", "a & -256", "bitAnd(a, -256)"),
        ("a & -9223372036854775808", "a & -9223372036854775808", "bitAnd(a, toInt64(-9223372036854775808))"),
        ("LOG2(a)", "LOG2(a)", "log2(a)"),
        ("LOWER(a) LIKE 'b!%\\!!' ESCAPE '!'", "LOWER(a) LIKE 'b!%\\\\!!' ESCAPE '!'",
         "lowerUTF8(a) LIKE 'b\\\\%\\\\\\\\!'"),
        ("(a, b) < (c, d)", "(a <= c AND (a < c OR (a = c AND b < d)))", "(a <= c AND (a < c OR (a = c AND b < d)))"),
        ("0.5", "CAST('0.5' AS DOUBLE)", "0.5 AS _0"),
        ("QUANTILE_CONT(a, 0.5)", "PERCENTILE(a, CAST('0.5' AS DOUBLE))", "quantileExactInclusive(0.5)(a)"),
        ("APPROX_COUNT_DISTINCT(a)", "APPROX_COUNT_DISTINCT(a)", "uniq(a)"),
        ("COUNT(*)", "COUNT(*)", "toInt64(COUNT(*))"),
    ],
)  # fmt: skip
def test_what_engines_write_otherwise(text: str, spark: str, clickhouse: str) -> None:
    assert translate(f"SELECT {text} FROM t", Dialect.DUCKDB) == f"SELECT {text} FROM t"
    assert translate(f"SELECT {text} FROM t", Dialect.SPARK) == f"SELECT {spark} FROM t"
    assert translate(f"SELECT {text} FROM t", Dialect.CLICKHOUSE).startswith(f"SELECT {clickhouse} FROM t SETTINGS ")


def test_a_table_is_made_of_what_its_select_becomes() -> None:
    statement = "CREATE OR REPLACE TEMP TABLE x AS SELECT a // 2 FROM t"
    assert made_table(statement) == ("x", "SELECT a // 2 FROM t")
    assert made_table("SELECT 1") is None
    assert translate(statement, Dialect.SPARK) == "CREATE OR REPLACE TEMPORARY VIEW x AS SELECT a DIV 2 FROM t"
