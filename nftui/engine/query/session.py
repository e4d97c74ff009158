"""DuckDB over the files of a query: one connection, bounded memory, damaged files left out and named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nftui.engine.query.columns import SITE, columns_sql
from nftui.engine.query.duck import connect, duckdb, spare_memory, with_arrow
from nftui.engine.query.flow_session import Interrupted, Part
from nftui.engine.query.live_flows import TABLE as LIVE_TABLE
from nftui.engine.query.live_flows import LiveFlows
from nftui.engine.query.parquet import listed_sql, parquet_sql
from nftui.engine.query.portions import portions
from nftui.engine.query.remembered import remembered
from nftui.engine.query.sources import Sources, by_site, site_of
from nftui.engine.query.sql import KeyTable
from nftui.engine.query.strangers import misfit
from nftui.engine.schema import CORE, FIELDS, PHYSICAL
from nftui.engine.store.layout import SEALED_SUFFIX, parse_file, replaced_path
from nftui.errors import NftuiError, first_line

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData

    from nftui.engine.query.foreign import ForeignFlows

_CORE_COLUMNS = frozenset(column for name in CORE for column in FIELDS[name].physical)
_T = TypeVar("_T")

__all__ = ["Interrupted", "Part", "Session"]

_QUOTED = re.compile(r"'(?:[^']|'')*'")
"""A text in SQL, such as the name of a file."""


class Session:
    """Queries over a fixed set of files.

    Not thread-safe, except `interrupt` and `progress`.

    Args:
        sources: what to read; files that prove damaged move to its `skipped`.
        memory: limit as DuckDB writes it, such as `2GB`; above it, work spills to a temporary directory.
        threads: worker threads; 0 for one per core.
    """

    weighs_first = True

    def __init__(self, sources: Sources, memory: str = "", threads: int = 0) -> None:
        self.sources = sources
        self._connection = connect(memory, threads)
        self._connection.execute("SET enable_progress_bar_print = false")
        self._live = LiveFlows(self._connection, sources)
        self._moved: dict[str, str] = {}
        self._tables = 0
        self._stored: frozenset[str] | None = None
        self._cancelled = False
        self._strangers = [path for path in sources.files if parse_file(os.path.basename(path), SEALED_SUFFIX) is None]
        self._foreign: ForeignFlows | None = None
        if sources.foreign and sources.formats is not None:
            from nftui.engine.query.foreign import ForeignFlows

            with_arrow()
            self._foreign = ForeignFlows(sources.formats, sources.foreign, sources.skipped, threads)

    def spare_memory(self) -> None:
        """Keep little memory after each question."""
        spare_memory(self._connection)

    def close(self) -> None:
        """End the connection and give the segments back."""
        self._connection.close()
        self.sources.close()

    def interrupt(self) -> None:
        """Give up, soon: the running query and the next portion of rows raise Interrupted. From any thread."""
        self._cancelled = True
        self._connection.interrupt()

    def resume(self) -> None:
        """Take questions again after `interrupt`."""
        self._cancelled = False

    def progress(self) -> float:
        """Percent of the running query, negative where unknown. From any thread."""
        return float(self._connection.query_progress())

    def next_table(self) -> str:
        """Beginning of names of tables that nobody else uses."""
        self._tables += 1
        return f"list_{self._tables}"

    def drop(self, *tables: str) -> None:
        """Forget tables, whether they were made or not."""
        for table in tables:
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")

    def add_table(self, table: KeyTable) -> None:
        """Make the table that a long address list is."""
        halves = [[key[side] for key in table.keys] for side in (0, 1)]
        self._connection.execute(
            f"CREATE TEMP TABLE {table.name} AS SELECT unnest($1::BIGINT[]) AS high, unnest($2::BIGINT[]) AS low",
            halves,
        )

    def rows(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 10_000
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Result rows in portions.

        A file that turns out damaged or gone before the first portion is left out and the statement starts over;
        later it ends the rows with an error.

        Args:
            fields: registry fields that the statement reads.
            statement: makes the SQL text from the name of a relation with the columns of these fields.
            part: some of the files; all if None.
            size: rows of a portion.
        """
        names = list(dict.fromkeys(fields))

        def begin() -> list[tuple[Any, ...]]:
            self._connection.execute(self._statement(statement, names, part))
            return self._connection.fetchmany(size)

        portion = self._retry(begin)
        while portion:
            yield portion
            if self._cancelled:
                raise Interrupted("interrupted")
            try:
                portion = self._connection.fetchmany(size)
            except duckdb.InterruptException:
                raise Interrupted("interrupted") from None
            except duckdb.Error as error:
                raise NftuiError(f"query failed: {first_line(error)}") from error

    def all_rows(self, fields: Iterable[str], statement: Callable[[str], str]) -> list[tuple[Any, ...]]:
        """All result rows."""
        return [row for portion in self.rows(fields, statement) for row in portion]

    def batches(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Result rows as Arrow batches of up to `size` rows; arguments and errors as for `rows`."""
        import pyarrow as pa

        with_arrow()
        names = list(dict.fromkeys(fields))

        def begin() -> tuple[pa.RecordBatchReader, pa.RecordBatch | None]:
            # Not `execute`: its Arrow batches come copied and, where no order of rows is kept, in any order even of
            # an ordered statement (DuckDB 2.0).
            relation = self._connection.sql(self._statement(statement, names, part))
            reader = relation.to_arrow_reader(size)
            return reader, next(reader, None)

        reader, batch = self._retry(begin)
        while batch is not None:
            yield batch
            if self._cancelled:
                raise Interrupted("interrupted")
            try:
                batch = next(reader, None)
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                if self._cancelled:
                    raise Interrupted("interrupted") from None
                raise NftuiError(f"query failed: {first_line(error)}") from error

    def add_columns(self, name: str, table: pa.Table) -> None:
        """Make a table that statements can read under a name of their own, see `next_table`.

        Copied, for the engine then knows its size when it plans a join.
        """
        with_arrow()
        self._connection.register(f"{name}_given", table)
        self._connection.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_given")  # noqa: S608
        self._connection.unregister(f"{name}_given")

    def present(self) -> frozenset[str]:
        """Columns that any of the files or segments has; all if there are files of other tools."""
        if self._foreign is not None:
            return frozenset(PHYSICAL)
        live = self._live.columns() if self.sources.segments else frozenset()
        return self._stored_columns() | live | ({SITE} if any(map(site_of, self.sources.files)) else frozenset())

    def records(self) -> int:
        """Flow records in all files and segments, whatever they say."""
        stored = 0
        if self.sources.files:
            stored = self._retry(self._count)
        if self.sources.segments:
            self._live.columns()
        foreign = self._foreign.records() if self._foreign is not None else 0
        return stored + foreign + sum(reader.rows for reader in self.sources.segments)

    def said(self, key: str, paths: Sequence[str]) -> dict[str, bytes]:
        """What the ends of some of the Parquet files say under a key, by their paths; nothing for those without it."""

        def ask() -> dict[str, bytes]:
            here = [path for path in paths if path in self.sources.files]
            if self.sources.cache is not None:
                ends = self._ends(here).items()
                return {path: said[key.encode()] for path, end in ends if key.encode() in (said := end.metadata or {})}
            wanted = {self._moved.get(path, path): path for path in here}
            if not wanted:
                return {}
            self._connection.execute(
                f"SELECT file_name, value FROM parquet_kv_metadata({listed_sql(list(wanted))}) "  # noqa: S608
                "WHERE key = CAST($1 AS BLOB)",
                [key],
            )
            return {wanted[name]: bytes(value) for name, value in self._connection.fetchall() if name in wanted}

        return self._retry(ask)

    def parts(self, few: bool = False) -> list[Part]:
        """All files and segments in portions by time of reception: the first ones small, for a quick first line.

        One portion if the files do not tell their times by their names.

        Args:
            few: hardly any flow of a file is wanted, so that asking costs more than sorting: larger portions.
        """
        if self._foreign is not None:
            return [Part(tuple(self.sources.files), True)]
        return portions(self.sources.files, [reader.path for reader in self.sources.segments], few)

    def relation(self, fields: Sequence[str], part: Part | None = None) -> str:
        """A relation with the columns of the fields over all files and segments, or some, as FROM text.

        Columns that no file has are null.
        """
        self._leave_out_strangers()
        columns = [column for name in fields for column in FIELDS[name].physical]
        optional = [column for column in columns if column not in _CORE_COLUMNS]
        files = [path for path in self.sources.files if part is None or path in part.files]
        known = _CORE_COLUMNS
        if optional and files:
            # A column that only other files have is unknown to those of a part.
            known = self._stored_columns() if part is None else self._read_columns(files)
        parts = []
        sites = by_site(files) if SITE in columns else {"": files}
        union = bool(set(optional) & known)
        for site, some in sites.items() if files else ():
            selected = columns_sql(columns, self._read_columns(some) if union and len(sites) > 1 else known, site)
            parts.append(f"SELECT {selected} FROM {parquet_sql(self._places(some), union)}")  # noqa: S608
        if self.sources.segments and (part is None or part.live):
            self._live.make_table(columns)
            parts.append(f"SELECT {columns_sql(columns, self._live.columns())} FROM {LIVE_TABLE}")  # noqa: S608
        if self._foreign is not None and columns and (part is None or part.live):
            table = self._foreign.table(self._connection, fields)
            parts.append(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
        if not parts:
            parts = [f"SELECT {columns_sql(columns, frozenset())} LIMIT 0"]
        return f"({' UNION ALL '.join(parts)}) AS flows_read"

    def _retry(self, run: Callable[[], _T]) -> _T:
        """Run, leaving out files that prove unreadable, until it works or none is to blame."""
        while True:
            if self._cancelled:
                raise Interrupted("interrupted")
            try:
                return run()
            except duckdb.InterruptException:
                raise Interrupted("interrupted") from None
            except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException):
                raise
            except duckdb.OutOfMemoryException as error:
                raise NftuiError(f"out of memory: {first_line(error)}; see --memory") from error
            except duckdb.Error as error:
                if not self._leave_out(str(error)):
                    raise NftuiError(f"query failed: {first_line(error)}") from error

    def _leave_out(self, message: str) -> bool:
        """Move the files that an error speaks of, or that cannot be read alone, to the skipped ones."""
        if self._leave_out_rollups(message):
            return True
        blamed = [path for path in self.sources.files if self._moved.get(path, path) in message]
        if len(blamed) > 1:
            blamed = [max(blamed, key=len)]
        if not blamed:
            blamed = [path for path in self.sources.files if not self._readable(self._moved.get(path, path))]
        for path in blamed:
            if path not in self._moved and not os.path.exists(path) and replaced_path(Path(path)).exists():
                self._moved[path] = str(replaced_path(Path(path)))
                continue
            self.sources.files.remove(path)
            self._strangers = [other for other in self._strangers if other != path]
            reason = "damaged" if os.path.exists(path) else "gone: expired or removed while it was to be read"
            self.sources.skipped.append((path, reason))
        self._stored = None
        return bool(blamed)

    def _leave_out_strangers(self) -> None:
        """Look at files that do not have names of a store, once; those without flows move to the skipped ones."""
        while self._strangers:
            path = self._strangers[-1]
            reason = remembered("misfit", [path], lambda path=path: misfit(self._connection, path))  # type: ignore[misc]
            self._strangers.pop()
            if reason:
                self.sources.files.remove(path)
                self.sources.skipped.append((path, reason))
                self._stored = None

    def _leave_out_rollups(self, message: str) -> bool:
        """Forget the roll-ups that an error speaks of: the flows themselves are there."""
        rollups = self.sources.rollups
        blamed = [file for file, slot in rollups.items() if slot.rollup_file and slot.rollup_file in message]
        for file in blamed:
            del rollups[file]
        return bool(blamed)

    def _places(self, files: Iterable[str]) -> list[str]:
        """Where the files lie now: those that a compaction has replaced meanwhile have moved."""
        return [self._moved.get(path, path) for path in files]

    def _readable(self, path: str) -> bool:
        try:
            self._connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {parquet_sql([path])}")  # noqa: S608
            while self._connection.fetchmany(100_000):
                pass
        except duckdb.Error:
            return False
        return True

    def _statement(self, statement: Callable[[str], str], names: Sequence[str], part: Part | None) -> str:
        """The text to run, once all files of a bucket that it reads are here."""
        while True:
            text = statement(self.relation(names, part))
            cache = self.sources.cache
            if cache is None:
                return text
            quoted = set(_QUOTED.findall(text))
            named = [path for path in cache.paths if listed_sql([path])[1:-1] in quoted]
            failed = cache.fetch(named, lambda: self._cancelled)
            if self._cancelled:
                raise Interrupted("interrupted")
            if not failed:
                return text
            for path in failed:
                self._leave_out_rollups(path)
            self._skip(failed)

    def _ends(self, files: Sequence[str]) -> Mapping[str, FileMetaData]:
        """What the ends of files of a bucket say; those that cannot be had move to the skipped ones."""
        assert self.sources.cache is not None
        found, failed = self.sources.cache.footers(files, lambda: self._cancelled)
        self._skip(failed)
        if self._cancelled:
            raise Interrupted("interrupted")
        return found

    def _skip(self, failed: Mapping[str, str]) -> None:
        for path, reason in failed.items():
            if path in self.sources.files:
                self.sources.files.remove(path)
                self.sources.skipped.append((self.sources.shown(path), reason))
                self._stored = None

    def _count(self) -> int:
        if self.sources.cache is not None:
            return sum(end.num_rows for end in self._ends(self.sources.files).values())
        places = self._places(self.sources.files)
        # The engine's COUNT(*) prepares a scan of each file; this reads their ends alone.
        text = f"SELECT CAST(SUM(num_rows) AS BIGINT) FROM parquet_file_metadata({listed_sql(places)})"  # noqa: S608
        return remembered("rows", places, lambda: int(self._connection.execute(text).fetchall()[0][0]))

    def _stored_columns(self) -> frozenset[str]:
        """Columns that any of the files has."""
        if self._stored is None:
            self._stored = self._retry(lambda: self._read_columns(self.sources.files))
        return self._stored

    def _read_columns(self, files: Sequence[str]) -> frozenset[str]:
        """Columns that any of the files has."""
        if not files:
            return frozenset()
        if self.sources.cache is not None:
            ends = self._ends(files).values()
            return frozenset(name for end in ends for name in end.schema.names if name in PHYSICAL)
        places = self._places(files)

        def find_out() -> frozenset[str]:
            self._connection.execute(f"SELECT * FROM {parquet_sql(places, union=True)} LIMIT 0")  # noqa: S608
            names = (column[0] for column in self._connection.description or ())
            return frozenset(name for name in names if name in PHYSICAL)

        return remembered("columns", places, find_out)
