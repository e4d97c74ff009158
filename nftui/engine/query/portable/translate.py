"""One statement of the program, written for DuckDB, as another engine takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp

from nftui.engine.query.portable import clickhouse, spark
from nftui.engine.query.portable.dialect import SETTINGS, Dialect, NotPortable
from nftui.engine.query.portable.white_list import check

Rule = Callable[[exp.Expr], exp.Expr]

_RULES: Mapping[Dialect, Mapping[type[exp.Expr], Rule]] = {
    Dialect.SPARK: spark.RULES,
    Dialect.CLICKHOUSE: clickhouse.RULES,
}
_MADE = re.compile(r"CREATE (?:OR REPLACE )?TEMP TABLE (\w+) AS (.+)", re.DOTALL)
_MAKE = {
    Dialect.DUCKDB: "CREATE OR REPLACE TEMP TABLE {} AS {}",
    Dialect.SPARK: "CREATE OR REPLACE TEMPORARY VIEW {} AS {}",
    Dialect.CLICKHOUSE: "CREATE OR REPLACE TEMPORARY TABLE {} ENGINE = Memory AS {}",
}
_KNOWN = 512


@lru_cache(maxsize=_KNOWN)
def translate(sql: str, dialect: Dialect) -> str:
    """The text of a statement for an engine whose session has its `SETTINGS`.

    Args:
        sql: a SELECT or a CREATE TEMP TABLE … AS SELECT, as the program writes it for DuckDB.
        dialect: the engine.

    Raises:
        NotPortable: something in it is not on the white-list.
    """
    made = made_table(sql)
    if made is not None:
        name, select = made
        return _MAKE[dialect].format(name, translate(select, dialect))
    tree = parse(sql)
    check(tree)
    if dialect is Dialect.DUCKDB:
        return sql
    if dialect is Dialect.SPARK:
        tree = spark.own_names(tree)
    tree = _rewritten(tree, _RULES[dialect])
    text = tree.sql(dialect=dialect.value, unsupported_level=sqlglot.ErrorLevel.RAISE)
    if dialect is Dialect.CLICKHOUSE:
        text += " SETTINGS " + ", ".join(f"{name} = {value}" for name, value in SETTINGS[dialect].items())
    return text


def parse(sql: str) -> exp.Expr:
    """The tree of a statement for DuckDB. Raises NotPortable if it has none."""
    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise NotPortable(f"SQL that is not portable: {str(error).splitlines()[0]}") from error


def made_table(sql: str) -> tuple[str, str] | None:
    """Name and SELECT of the temporary table that a statement makes; None if it makes none."""
    match = _MADE.fullmatch(sql)
    return (match[1], match[2]) if match else None


def _rewritten(tree: exp.Expr, rules: Mapping[type[exp.Expr], Rule]) -> exp.Expr:
    """The tree with each node as its rule has it, inner nodes first."""
    for node in reversed(list(tree.walk(bfs=False))):
        rule = rules.get(type(node))
        if rule is None:
            continue
        new = rule(node)
        if new is node:
            continue
        if node is tree:
            tree = new
        else:
            node.replace(new)
    return tree
