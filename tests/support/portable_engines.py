"""Engines that take the program's SQL, each as a session for questions over one file of flows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.query.flow_session import Part
from nftui.engine.query.portable import SETTINGS, Dialect, made_table, plain_rows, translate
from nftui.engine.query.sources import Sources
from nftui.engine.query.sql import KeyTable
from nftui.engine.schema import FIELDS, PHYSICAL, Kind
from nftui.engine.store.arrow import TYPES

FLOWS = "flows_stored"


class Engine(Protocol):
    """Something that runs translated statements over a table `FLOWS`."""

    dialect: Dialect

    def run(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of columns, and rows."""
        ...

    def add(self, name: str, table: pa.Table) -> None:
        """Make a table."""
        ...

    def drop(self, name: str) -> None:
        """Forget a table."""
        ...


def whole_file(path: Path, table: pa.Table) -> Path:
    """A Parquet file with every column that a flow can have, in the store's types."""
    columns = {
        name: table.column(name) if name in table.column_names else pa.nulls(table.num_rows, kind)
        for name, kind in TYPES.items()
    }
    pq.write_table(pa.table(columns, pa.schema(list(TYPES.items()))), path)
    return path


class DuckEngine:
    """DuckDB."""

    dialect = Dialect.DUCKDB

    def __init__(self, flows: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET threads = 1")
        self._connection.execute(f"CREATE TABLE {FLOWS} AS SELECT * FROM read_parquet('{flows}')")

    def run(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        self._connection.execute(text)
        return [column[0] for column in self._connection.description or ()], self._connection.fetchall()

    def add(self, name: str, table: pa.Table) -> None:
        self._connection.register(f"{name}_given", table)
        self._connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_given")
        self._connection.unregister(f"{name}_given")

    def drop(self, name: str) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS {name}")


class ChdbEngine:
    """ClickHouse's engine in this process, over the table that `nftui schema clickhouse` makes."""

    dialect = Dialect.CLICKHOUSE

    def __init__(self, flows: Path, scratch: Path) -> None:
        from chdb.session import Session

        from nftui.engine.clickhouse import table_ddl

        self._session = Session()
        self._scratch = scratch
        self._session.query("CREATE DATABASE IF NOT EXISTS portable")
        self._session.query("USE portable")
        for statement in table_ddl(FLOWS, 36_500).split(";\n"):
            if statement.strip():
                self._session.query(statement)
        self._session.query(f"INSERT INTO {FLOWS} SELECT * FROM file('{flows}', Parquet)")

    def close(self) -> None:
        self._session.close()

    def run(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        import json

        found = self._session.query(text, "JSONCompact").data()
        if not found:
            return [], []
        answer = json.loads(found)
        return [column["name"] for column in answer["meta"]], [
            tuple(_plain(value, column["type"]) for value, column in zip(row, answer["meta"], strict=True))
            for row in answer["data"]
        ]

    def add(self, name: str, table: pa.Table) -> None:
        path = self._scratch / f"{name}.parquet"
        pq.write_table(table, path)
        self._session.query(
            f"CREATE OR REPLACE TEMPORARY TABLE {name} ENGINE = Memory AS SELECT * FROM file('{path}', Parquet)"
        )

    def drop(self, name: str) -> None:
        self._session.query(f"DROP TEMPORARY TABLE IF EXISTS {name}")


def _plain(value: Any, kind: str) -> Any:
    """A value of ClickHouse's JSON: whole numbers of 64 bits and more come in quotes."""
    if value is None or "Int" not in kind:
        return value
    return int(value)


class SparkEngine:
    """Spark, by a session of either kind that somebody else has started."""

    dialect = Dialect.SPARK

    def __init__(self, spark: Any, flows: Path, scratch: Path) -> None:
        self._spark, self._scratch = spark, scratch
        for name, value in SETTINGS[Dialect.SPARK].items():
            spark.conf.set(name, value)
        spark.read.schema(spark_schema()).parquet(str(flows)).createOrReplaceTempView(FLOWS)

    def run(self, text: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        frame = self._spark.sql(text)
        return list(frame.columns), plain_rows(frame.collect())

    def add(self, name: str, table: pa.Table) -> None:
        path = self._scratch / f"{name}.parquet"
        pq.write_table(table, path)
        self._spark.read.parquet(str(path)).createOrReplaceTempView(name)

    def drop(self, name: str) -> None:
        self._spark.catalog.dropTempView(name)


def spark_schema() -> str:
    """Columns of flows with Spark's types."""
    numbers = {"i8": "BIGINT", "u4": "BIGINT", "u2": "INT", "u1": "SMALLINT"}
    kinds = {Kind.TEXT: "STRING", Kind.EXTRA: "BINARY"}
    return ", ".join(f"{name} {kinds.get(item.kind) or numbers[item.dtype]}" for name, item in PHYSICAL.items())


class EngineSession:
    """A session over an engine; keeps the statements that were run, as they were written for DuckDB.

    Args:
        engine: runs them.
        present: columns that any flow has.
    """

    weighs_first = True

    def __init__(self, engine: Engine, present: frozenset[str]) -> None:
        self.statements: list[str] = []
        self._engine, self._present = engine, present
        self._tables = 0
        self._made: list[str] = []
        # One file, so that charts, which are remembered by file, ask for it.
        self.sources = Sources(files=[FLOWS])

    def spare_memory(self) -> None: ...

    def close(self) -> None:
        self.drop(*self._made)
        self._made.clear()

    def interrupt(self) -> None: ...

    def resume(self) -> None: ...

    def progress(self) -> float:
        return -1.0

    def next_table(self) -> str:
        self._tables += 1
        return f"list_{self._tables}"

    def drop(self, *tables: str) -> None:
        for table in tables:
            self._engine.drop(table)

    def add_table(self, table: KeyTable) -> None:
        high, low = (pa.array([key[side] for key in table.keys], pa.int64()) for side in (0, 1))
        self.add_columns(table.name, pa.table({"high": high, "low": low}))

    def add_columns(self, name: str, table: pa.Table) -> None:
        self._made.append(name)
        self._engine.add(name, table)

    def relation(self, fields: Sequence[str], part: Part | None = None) -> str:
        columns = ", ".join(column for name in fields for column in FIELDS[name].physical)
        none = part is not None and not part.files
        return f"(SELECT {columns} FROM {FLOWS}{' WHERE FALSE' if none else ''}) AS flows_read"

    def rows(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 10_000
    ) -> Iterator[list[tuple[Any, ...]]]:
        rows = self._run(fields, statement, part)[1]
        if rows:
            yield rows

    def all_rows(self, fields: Iterable[str], statement: Callable[[str], str]) -> list[tuple[Any, ...]]:
        return self._run(fields, statement, None)[1]

    def batches(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        names, rows = self._run(fields, statement, part)
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in names]
        arrays = [pa.array(column, TYPES[name]) for name, column in zip(names, columns, strict=True)]
        yield from pa.table(dict(zip(names, arrays, strict=True))).to_batches()

    def present(self) -> frozenset[str]:
        return self._present

    def records(self) -> int:
        return int(self.all_rows((), lambda _: f"SELECT COUNT(*) FROM {FLOWS}")[0][0])

    def said(self, key: str, paths: Sequence[str]) -> dict[str, bytes]:
        return {}

    def parts(self, few: bool = False) -> list[Part]:
        return [Part((FLOWS,), True)]

    def _run(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        text = statement(self.relation(list(dict.fromkeys(fields)), part))
        self.statements.append(text)
        made = made_table(text)
        names, rows = self._engine.run(translate(text, self._engine.dialect))
        if made is None:
            return names, rows
        self._made.append(made[0])
        return [], []  # DuckDB tells how many rows a table was made of
