"""A session on a cluster without one: which files are left out, moved or looked for again, and what is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlglot", reason="the extra spark is not installed")

import pyarrow as pa

from nftui.engine.query.flow_session import Interrupted, Part
from nftui.engine.query.sources import Sources
from nftui.engine.query.sql import KeyTable
from nftui.engine.spark.columns import flow_batches, plain_table, sendable
from nftui.engine.spark.connection import Failed
from nftui.engine.spark.session import REMOTE, ClusterSession
from nftui.engine.store.layout import replaced_path
from nftui.errors import BackendError, NftuiError, UsageError

FIRST, SECOND = "20261121T120000Z-00000000-000001.parquet", "20261121T120500Z-00000000-000002.parquet"
JOINED = "20261121T120000Z-00000000-000003-hour.parquet"
ONE = pa.table({"n": pa.array([1], pa.int64())})


class FakeConnection:
    """Answers every statement with `ONE`.

    Attributes:
        texts: statements that were run.
        viewed: files of the views, as the cluster names them.
        problem: what the next statement fails with.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.viewed: list[tuple[str, ...]] = []
        self.problem = ""
        self.made: dict[str, Any] = {}
        self.forgotten: list[str] = []
        self.ended: list[str] = []

    def open(self) -> None: ...

    def progress(self) -> float:
        return 42.0

    def interrupt(self, tag: str) -> None:
        self.ended.append(tag)

    def view(self, uris: Sequence[str], schema: str, tag: str) -> str:
        self.viewed.append(tuple(uris))
        return f"view_{len(self.viewed)}"

    def forget_view(self, uris: Iterable[str]) -> None:
        self.forgotten += uris

    def tables(self, text: str, tag: str) -> Iterator[pa.Table]:
        told, self.problem = self.problem, ""
        if told:
            raise Failed("the cluster could not answer", told)
        self.texts.append(text)
        yield ONE

    def make(self, name: str, text: str, tag: str) -> None:
        self.made[name] = text

    def send(self, name: str, table: pa.Table) -> None:
        self.made[name] = table

    def forget(self, name: str) -> None:
        del self.made[name]

    def columns(self, uris: Sequence[str], tag: str) -> list[str]:
        return ["bytes", "out_bytes", "somebody_elses"]


def session_of(root: Path, connection: FakeConnection, *names: str, listed: Callable[[], list[str]] | None = None):
    folder = root / "date=2026-11-21" / "hour=12"
    folder.mkdir(parents=True, exist_ok=True)
    files = [str(folder / name) for name in names]
    for file in files:
        Path(file).touch()
    there = listed or (lambda: [file for file in files if Path(file).exists()])
    return ClusterSession(Sources(list(files)), connection, there)  # type: ignore[arg-type]


def ask(session: ClusterSession) -> list[tuple[Any, ...]]:
    return session.all_rows(["bytes"], lambda relation: f"SELECT SUM(bytes) FROM {relation}")


def test_a_view_is_made_over_exactly_the_listed_files(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST, SECOND)
    assert ask(session) == [(1,)]
    assert connection.viewed == [tuple(f"file:{path}" for path in session.sources.files)]
    assert connection.texts == [
        "SELECT SUM(CAST(bytes AS DECIMAL(38, 0))) FROM (SELECT bytes FROM view_1) AS flows_read"
    ]
    part = Part((session.sources.files[1],), False)
    list(session.rows(["bytes"], lambda relation: f"SELECT bytes FROM {relation}", part))
    assert connection.viewed[-1] == (f"file:{part.files[0]}",)


def test_sites_are_views_of_their_own_where_somebody_asks_for_them(tmp_path: Path) -> None:
    connection = FakeConnection()
    sources = Sources()
    for site in ("lyon", "oslo"):
        sources.files += session_of(tmp_path / f"site={site}", connection, FIRST, SECOND).sources.files
    session = ClusterSession(sources, connection, list)  # type: ignore[arg-type]
    ask(session)
    assert connection.viewed == [tuple(f"file:{path}" for path in sources.files)]
    text = "SELECT site, SUM(bytes) FROM {0} WHERE LOWER(site) = 'lyon' GROUP BY site"
    session.all_rows(["bytes", "site"], text.format)
    assert connection.viewed[1:] == [
        tuple(f"file:{path}" for path in some) for some in (sources.files[:2], sources.files[2:])
    ]
    assert connection.texts[1] == (
        "SELECT site, SUM(CAST(bytes AS DECIMAL(38, 0))) FROM (SELECT bytes, 'lyon' AS site FROM view_2 UNION ALL "
        "SELECT bytes, 'oslo' AS site FROM view_3) AS flows_read WHERE LOWER(site) = 'lyon' GROUP BY site"
    )
    far = Sources([f"{REMOTE}flows/lake/site=lyon/date=2026-11-21/hour=12/{FIRST}"])
    present = ClusterSession(far, connection, list).present()  # type: ignore[arg-type]
    assert present == {"bytes", "out_bytes", "site"}


def test_more_sites_than_a_question_can_tell_apart_are_refused_and_can_be_asked_together(tmp_path: Path) -> None:
    connection = FakeConnection()
    files = [str(tmp_path / f"site=s{number}/date=2026-11-21/hour=12" / FIRST) for number in range(101)]
    session = ClusterSession(Sources(files), connection, list)  # type: ignore[arg-type]
    assert ask(session) == [(1,)]
    far = Sources([f"{REMOTE}{file}" for file in files])
    shown = ClusterSession(far, connection, list).present()  # type: ignore[arg-type]
    assert shown == {"bytes", "out_bytes"}, "or no list of flows would be had"
    with pytest.raises(UsageError, match="101 sites: one question tells 100 apart; name some with --site"):
        session.all_rows(["site"], lambda relation: f"SELECT site FROM {relation}")


def test_without_files_there_is_an_answer_and_no_view(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection)
    ask(session)
    assert connection.viewed == []
    assert "CAST(NULL AS BIGINT) AS bytes LIMIT 0" in connection.texts[0]
    assert session.present() == frozenset()


def test_a_file_that_is_gone_is_left_out_and_named(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST, SECOND)
    gone, left = session.sources.files
    connection.problem = f"[FAILED_READ_FILE.FILE_NOT_EXIST] file:{gone}"
    Path(gone).unlink()
    assert ask(session) == [(1,)]
    assert session.sources.files == [left]
    assert session.sources.skipped == [(gone, "gone: expired or removed while it was to be read")]
    assert connection.forgotten == [f"file:{gone}"]


def test_a_file_that_was_compacted_is_read_where_it_lies_now(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST, SECOND)
    moved = session.sources.files[0]
    replaced = replaced_path(Path(moved))
    replaced.parent.mkdir()
    Path(moved).rename(replaced)
    connection.problem = f"[PATH_NOT_FOUND] Path does not exist: file:{moved}"
    assert ask(session) == [(1,)]
    assert connection.viewed[-1] == (f"file:{replaced}", f"file:{session.sources.files[1]}")
    assert session.sources.skipped == []


def test_parts_that_were_joined_and_deleted_end_the_question(tmp_path: Path) -> None:
    connection = FakeConnection()
    joined = str(tmp_path / "date=2026-11-21" / "hour=12" / JOINED)
    session = session_of(tmp_path, connection, FIRST, listed=lambda: [joined])
    connection.problem = f"[FAILED_READ_FILE.FILE_NOT_EXIST] {session.sources.files[0]}"
    with pytest.raises(NftuiError, match="joined while they were read"):
        ask(session)


def test_a_damaged_file_is_left_out_and_named(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST, SECOND)
    damaged = session.sources.files[0]
    connection.problem = f"[FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER] file:{damaged}"
    assert ask(session) == [(1,)]
    assert session.sources.skipped == [(damaged, "damaged")]


def test_a_file_that_is_here_and_not_there_is_an_error(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST)
    connection.problem = f"[PATH_NOT_FOUND] file:{session.sources.files[0]}"
    with pytest.raises(BackendError, match=r"the cluster does not see .* one path on all of its machines"):
        ask(session)


def test_an_error_that_names_no_file_is_told(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST)
    connection.problem = "[DIVIDE_BY_ZERO]"
    with pytest.raises(Failed):
        ask(session)
    assert session.sources.skipped == []


def test_tables_are_made_on_the_cluster_and_forgotten(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST)
    other = session_of(tmp_path, connection, FIRST)
    name = session.next_table()
    assert name != other.next_table()
    made = session.all_rows(["bytes"], lambda r: f"CREATE OR REPLACE TEMP TABLE {name}_g AS SELECT bytes FROM {r}")
    assert made == []
    assert connection.made[f"{name}_g"] == "SELECT bytes FROM (SELECT bytes FROM view_1) AS flows_read"
    session.add_table(KeyTable(f"{name}_k", [(0, 5), (-1, 7)]))
    assert connection.made[f"{name}_k"].to_pydict() == {"high": [0, -1], "low": [5, 7]}
    session.drop(f"{name}_g", "never_made")
    assert list(connection.made) == [f"{name}_k"]
    session.close()
    assert connection.made == {}


def test_who_gives_up_gets_no_further_portion(tmp_path: Path) -> None:
    connection = FakeConnection()
    session = session_of(tmp_path, connection, FIRST)
    portions = session.rows(["bytes"], lambda relation: f"SELECT bytes FROM {relation}")
    assert next(portions) == [(1,)]
    session.interrupt()
    assert len(connection.ended) == 1
    with pytest.raises(Interrupted):
        next(portions)
    with pytest.raises(Interrupted):
        ask(session)
    session.resume()
    assert ask(session) == [(1,)]


def test_columns_of_files_elsewhere_are_asked_of_the_cluster() -> None:
    connection = FakeConnection()
    session = ClusterSession(Sources([f"{REMOTE}bucket/{FIRST}"]), connection, list)  # type: ignore[arg-type]
    assert session.present() == {"bytes", "out_bytes"}
    assert session.said("nftui", session.sources.files) == {}
    assert session.records() == 1
    assert connection.viewed == [(f"{REMOTE}bucket/{FIRST}",)]


def test_types_go_there_and_come_back() -> None:
    table = pa.table({"proto": pa.array([6, None], pa.uint8()), "src_port": pa.array([1, 65535], pa.uint16()),
                      "src_as": pa.array([2**32 - 1, 0], pa.uint32()), "username": ["a", None]})  # fmt: skip
    sent = sendable(table)
    assert [str(field.type) for field in sent.schema] == ["int16", "int32", "int64", "string"]
    [batch] = flow_batches([sent], 10)
    assert pa.Table.from_batches([batch]).equals(table)
    assert [len(batch) for batch in flow_batches([sent], 1)] == [1, 1]
    sums = pa.table({"s": pa.array([10**20, None], pa.decimal128(38, 0)), "b": [True, False], "x": [b"\0", None]})
    assert plain_table(sums) == [(10**20, True, b"\0"), (None, False, None)]
