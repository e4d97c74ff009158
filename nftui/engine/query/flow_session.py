"""What runs statements over stored flows: DuckDB in this process, or a cluster elsewhere.

Questions are written as DuckDB's SQL over the relation that a session gives them. `nftui.engine.query.session.Session`
runs them as they are; others translate them first, see `nftui.engine.query.portable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nftui.engine.query.sources import Sources
from nftui.errors import NftuiError

if TYPE_CHECKING:
    import pyarrow as pa

    from nftui.engine.query.sql import KeyTable


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the files of a query.

    Attributes:
        files: Parquet files.
        live: the live segments and the files of other tools too.
    """

    files: tuple[str, ...]
    live: bool


class Interrupted(NftuiError):
    """The query was given up on request; what it gave until then stands."""

    exit_code = 130


class FlowSession(Protocol):
    """Queries over a fixed set of files. Not thread-safe, except `interrupt` and `progress`.

    Attributes:
        sources: what is read; files that prove damaged move to its `skipped`.
        weighs_first: whether the first of very many groups are cheaper to find in two passes, see `contest`.
    """

    sources: Sources
    weighs_first: bool

    def spare_memory(self) -> None:
        """Keep little memory after each question."""
        ...

    def close(self) -> None:
        """Forget everything and give the files back."""
        ...

    def interrupt(self) -> None:
        """Give up, soon: the running query and the next portion of rows raise Interrupted. From any thread."""
        ...

    def resume(self) -> None:
        """Take questions again after `interrupt`."""
        ...

    def progress(self) -> float:
        """Percent of the running query, negative where unknown. From any thread."""
        ...

    def next_table(self) -> str:
        """Beginning of names of tables that nobody else uses."""
        ...

    def drop(self, *tables: str) -> None:
        """Forget tables, whether they were made or not."""
        ...

    def add_table(self, table: KeyTable) -> None:
        """Make the table that a long address list is."""
        ...

    def add_columns(self, name: str, table: pa.Table) -> None:
        """Make a table that statements can read under a name of their own, see `next_table`."""
        ...

    def rows(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 10_000
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Result rows in portions.

        Args:
            fields: registry fields that the statement reads.
            statement: makes the SQL text from the name of a relation with the columns of these fields.
            part: some of the files; all if None.
            size: rows of a portion.
        """
        ...

    def all_rows(self, fields: Iterable[str], statement: Callable[[str], str]) -> list[tuple[Any, ...]]:
        """All result rows."""
        ...

    def batches(
        self, fields: Iterable[str], statement: Callable[[str], str], part: Part | None = None, size: int = 65_536
    ) -> Iterator[pa.RecordBatch]:
        """Result rows as Arrow batches of up to `size` rows; arguments and errors as for `rows`."""
        ...

    def present(self) -> frozenset[str]:
        """Columns that any of the files or segments has."""
        ...

    def records(self) -> int:
        """Flow records in all files and segments, whatever they say."""
        ...

    def said(self, key: str, paths: Sequence[str]) -> dict[str, bytes]:
        """What the ends of some of the Parquet files say under a key, by their paths; nothing for those without it."""
        ...

    def parts(self, few: bool = False) -> list[Part]:
        """All files and segments in portions by time of reception.

        Args:
            few: hardly any flow of a file is wanted, so that asking costs more than sorting: larger portions.
        """
        ...

    def relation(self, fields: Sequence[str], part: Part | None = None) -> str:
        """A relation with the columns of the fields over all files and segments, or some, as FROM text.

        Columns that no file has are null.
        """
        ...
