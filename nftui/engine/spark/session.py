"""Queries over files of a lake, run on a Spark cluster: what `nftui.engine.query.session.Session` is for DuckDB.

Statements come as DuckDB's SQL and are translated whole. The relation of flows is a view over exactly the files that
the lake's listing names for the window, read with a schema that comes from the registry; a new slot is another list
of files and so another view.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nftui.engine.query.columns import SITE, columns_sql
from nftui.engine.query.flow_session import Interrupted, Part
from nftui.engine.query.portable import Dialect, made_table, translate
from nftui.engine.query.session import Session
from nftui.engine.query.sources import Sources, by_site
from nftui.engine.schema import FIELDS, PHYSICAL
from nftui.engine.spark.columns import flow_batches, plain_table, read_schema
from nftui.engine.spark.connection import Connection, Failed
from nftui.engine.store.layout import SEALED_SUFFIX, parse_file, replaced_path
from nftui.errors import BackendError, NftuiError, UsageError
from nftui.text import clean

if TYPE_CHECKING:
    import pyarrow as pa

    from nftui.engine.query.sql import KeyTable

REMOTE = "s3a://"
"""Beginning of files that this machine cannot open; the cluster has its own keys for them."""

_MOST_SITES = 100
"""That one question tells apart: each is a view, of which a session keeps 128."""
_FOOTER_MEMORY = "128MB"
_T = TypeVar("_T")


class ClusterSession:
    """Queries over a fixed set of files. Not thread-safe, except `interrupt` and `progress`.

    Args:
        sources: Parquet files of a lake, no roll-ups; files that prove damaged or gone move to its `skipped`.
        connection: to the cluster.
        listed: lists the files anew, to tell a file that expired from one that was replaced.
    """

    weighs_first = False

    def __init__(self, sources: Sources, connection: Connection, listed: Callable[[], Sequence[str]]) -> None:
        self.sources = sources
        self._connection = connection
        self._listed = listed
        self._name = f"nftui_{uuid.uuid4().hex[:12]}"
        self._tables = 0
        self._made: list[str] = []
        self._moved: dict[str, str] = {}
        self._present: tuple[tuple[str, ...], frozenset[str]] | None = None
        self._local: Session | None = None
        self._cancelled = False
        connection.open()  # so that a cluster that is away is told before anything is prepared

    def spare_memory(self) -> None:
        """Nothing: flows are elsewhere."""

    def close(self) -> None:
        """Forget the tables of these queries; the connection stays."""
        with suppress(NftuiError):
            self.drop(*self._made)
        local, self._local = self._local, None
        if local is not None:
            local.close()

    def interrupt(self) -> None:
        """Give up, soon: the running query and the next portion of rows raise Interrupted. From any thread."""
        self._cancelled = True
        if self._local is not None:
            self._local.interrupt()
        self._connection.interrupt(self._name)

    def resume(self) -> None:
        """Take questions again after `interrupt`."""
        self._cancelled = False
        if self._local is not None:
            self._local.resume()

    def progress(self) -> float:
        """Percent of the running query's tasks, negative where unknown. From any thread."""
        return self._connection.progress()

    def next_table(self) -> str:
        """Beginning of names of tables that nobody else uses."""
        self._tables += 1
        return f"{self._name}_{self._tables}"

    def drop(self, *tables: str) -> None:
        """Forget tables, whether they were made or not."""
        for table in tables:
            if table in self._made:
                self._made.remove(table)
                self._connection.forget(table)

    def add_table(self, table: KeyTable) -> None:
        """Make the table that a long address list is."""
        import pyarrow as pa

        halves = [pa.array([key[side] for key in table.keys], pa.int64()) for side in (0, 1)]
        self.add_columns(table.name, pa.table({"high": halves[0], "low": halves[1]}))

    def add_columns(self, name: str, table: pa.Table) -> None:
        """Make a table that statements can read under a name of their own, see `next_table`."""
        self._retry(lambda: self._connection.send(name, table))
        self._made.append(name)

    def rows(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 10_000
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Result rows in portions of up to `size`; see `FlowSession.rows`.

        A file that turns out damaged or gone before the first portion is left out and the statement starts over;
        later it ends the rows with an error.
        """
        for table in self._tables_of(fields, statement, part):
            for start in range(0, table.num_rows, size):
                yield plain_table(table.slice(start, size))
                if self._cancelled:
                    raise Interrupted("interrupted")

    def all_rows(self, fields: Iterable[str], statement: Callable[[str], str]) -> list[tuple[Any, ...]]:
        """All result rows."""
        return [row for portion in self.rows(fields, statement) for row in portion]

    def batches(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Result rows as Arrow batches of up to `size` rows; arguments and errors as for `rows`."""
        for batch in flow_batches(self._tables_of(fields, statement, part), size):
            yield batch
            if self._cancelled:
                raise Interrupted("interrupted")

    def present(self) -> frozenset[str]:
        """Columns that any of the files has, and the site if one question can tell all of them apart."""
        if not self.sources.files:
            return frozenset()
        files = tuple(self.sources.files)
        if self._present is None or self._present[0] != files:
            names = self._columns()
            sites = by_site(self.sources.files)
            names = names | {SITE} if any(sites) else names
            self._present = (tuple(self.sources.files), names - {SITE} if len(sites) > _MOST_SITES else names)
        return self._present[1]

    def _columns(self) -> frozenset[str]:
        local = self._footers()
        if local is not None:
            return local.present()
        names = self._retry(lambda: self._connection.columns(self._uris(self.sources.files), self._name))
        return frozenset(names) & PHYSICAL.keys()

    def records(self) -> int:
        """Flow records in all files."""
        local = self._footers()
        if local is not None:
            return local.records()
        rows = self.all_rows(("proto",), lambda relation: f"SELECT COUNT(*) FROM {relation}")  # noqa: S608
        return int(rows[0][0])

    def said(self, key: str, paths: Sequence[str]) -> dict[str, bytes]:
        """What the ends of files that this machine can open say under a key, by their paths."""
        local = self._footers()
        return {} if local is None else local.said(key, paths)

    def parts(self, few: bool = False) -> list[Part]:  # noqa: ARG002 - the cluster reads all files at once
        """All files as one portion."""
        return [Part(tuple(self.sources.files), False)]

    def relation(self, fields: Sequence[str], part: Part | None = None) -> str:
        """A relation with the columns of the fields over all files, or some, as FROM text.

        Columns that no file has are null.
        """
        columns = [column for name in fields for column in FIELDS[name].physical]
        if not columns:
            return "(SELECT 1 AS nothing) AS flows_read"
        files = [path for path in self.sources.files if part is None or path in part.files]
        if not files:
            nothing = columns_sql(columns, frozenset())
            return f"(SELECT {nothing} LIMIT 0) AS flows_read"
        sites = by_site(files) if SITE in columns else {"": files}
        if len(sites) > _MOST_SITES:
            raise UsageError(f"{len(sites)} sites: one question tells {_MOST_SITES} apart; name some with --site")
        parts = []
        for site, some in sites.items():
            view = self._connection.view(self._uris(some), read_schema(), self._name)
            parts.append(f"SELECT {columns_sql(columns, frozenset(columns), site)} FROM {view}")  # noqa: S608
        return f"({' UNION ALL '.join(parts)}) AS flows_read"

    def _tables_of(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None
    ) -> Iterator[pa.Table]:
        """Results of a statement; none of one that makes a table."""
        names = list(dict.fromkeys(fields))

        def begin() -> tuple[Iterator[pa.Table], pa.Table | None]:
            text = statement(self.relation(names, part))
            made = made_table(text)
            if made is not None:
                name, select = made
                self._connection.make(name, translate(select, Dialect.SPARK), self._name)
                self._made.append(name)
                return iter(()), None
            stream = self._connection.tables(translate(text, Dialect.SPARK), self._name)
            return stream, next(stream, None)

        stream, table = self._retry(begin)
        while table is not None:
            yield table
            try:
                table = next(stream, None)
            except NftuiError:
                if self._cancelled:
                    raise Interrupted("interrupted") from None
                raise

    def _footers(self) -> Session | None:
        """What reads the ends of files in this machine's directories; None where they lie elsewhere."""
        if any(path.startswith(REMOTE) for path in self.sources.files):
            return None
        if self._local is None:
            self._local = Session(self.sources, _FOOTER_MEMORY, 1)
        return self._local

    def _uris(self, files: Iterable[str]) -> list[str]:
        """Where the files lie now, as the cluster names them."""
        places = (self._moved.get(path, path) for path in files)
        return [place if place.startswith(REMOTE) else f"file:{os.path.abspath(place)}" for place in places]

    def _retry(self, run: Callable[[], _T]) -> _T:
        """Run, leaving out files that prove unreadable, until it works or none is to blame."""
        while True:
            if self._cancelled:
                raise Interrupted("interrupted")
            try:
                self._connection.open()
                return run()
            except NftuiError as error:
                if self._cancelled:
                    raise Interrupted("interrupted") from None
                if not isinstance(error, Failed) or not self._leave_out(error):
                    raise

    def _leave_out(self, error: Failed) -> bool:
        """Move the files that an error speaks of to the skipped ones, or look for them where they are now."""
        blamed = [path for path in self.sources.files if _stem(path) in error.told]
        self._connection.forget_view(self._uris(blamed))
        listed = frozenset(self._listed()) if blamed and error.missing else frozenset()
        for path in blamed:
            if path in listed:
                raise BackendError(
                    f"the cluster does not see {clean(path)}: a lake has to have one path on all of its machines"
                )
            replaced = None if path.startswith(REMOTE) else replaced_path(Path(path))
            if error.missing and replaced is not None and path not in self._moved and replaced.exists():
                self._moved[path] = str(replaced)
                continue
            if error.missing and any(_joins(other, path) for other in listed.difference(self.sources.files)):
                raise NftuiError("files of the lake were joined while they were read; ask again")
            self.sources.files.remove(path)
            reason = "gone: expired or removed while it was to be read" if error.missing else "damaged"
            self.sources.skipped.append((path, reason))
        return bool(blamed)


def _joins(path: str, part: str) -> bool:
    """Whether a file may have been made of others of its hour, a part among them."""
    name = parse_file(os.path.basename(path), SEALED_SUFFIX)
    return name is not None and name.hour and os.path.dirname(path) == os.path.dirname(part)


def _stem(path: str) -> str:
    """What stays of a file's name when it is moved aside."""
    return os.path.basename(path).removesuffix(SEALED_SUFFIX)
