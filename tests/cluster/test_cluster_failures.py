"""What goes wrong beside a running question: workers, files, the whole cluster; and what comes new."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs the extra spark: make cluster-test installs it")

from compaction import compact_all, write
from past import HOUR
from spark_standalone import StandaloneCluster
from store_samples import NOON_MS, sample_flows

from nftui.engine.history.history import History
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.query.flow_session import FlowSession, Interrupted
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.spark.holdings import LakeOnCluster
from nftui.engine.spark.session import ClusterSession
from nftui.engine.store.catalog import Catalog
from nftui.errors import BackendError

DAY = TimeRange(NOON_MS - 12 * HOUR, NOON_MS + 12 * HOUR)
FIELDS = ("proto", "bytes", "flow_id")
_PATIENCE = 120.0


def pairs(times: int) -> Callable[[str], str]:
    """A statement whose work grows with the square of the flows."""
    made = " UNION ALL ".join(f"SELECT proto, bytes, flow_id, {n} AS n FROM flows" for n in range(times))
    return lambda relation: (
        f"WITH flows AS (SELECT * FROM {relation}), many AS ({made}) "
        "SELECT COUNT(*), SUM(a.bytes % 7 + b.flow_id % 5) FROM many AS a JOIN many AS b ON a.proto = b.proto"
    )


class Asking:
    """A statement that runs in a thread."""

    def __init__(self, session: ClusterSession, statement: Callable[[str], str]) -> None:
        self.answer: Any = None
        self._session = session
        self._thread = threading.Thread(target=self._run, args=(statement,))
        self._thread.start()

    def begun(self) -> None:
        """Wait until tasks of the statement run."""
        until = time.monotonic() + _PATIENCE
        while self._session.progress() < 0:
            assert self._thread.is_alive(), self.answer
            assert time.monotonic() < until
            time.sleep(0.01)

    def ended(self) -> Any:
        """The answer, or the error."""
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()
        return self.answer

    def _run(self, statement: Callable[[str], str]) -> None:
        try:
            self.answer = self._session.all_rows(FIELDS, statement)
        except Exception as error:
            self.answer = error


@contextmanager
def asked(lake: LakeOnCluster) -> Iterator[ClusterSession]:
    session = lake.session(lake.sources())
    try:
        yield session
    finally:
        session.close()


def total(session: FlowSession) -> list[tuple[Any, ...]]:
    return session.all_rows(FIELDS, lambda relation: f"SELECT COUNT(*), SUM(bytes), SUM(flow_id) FROM {relation}")


def in_duckdb(root: Path, statement: Callable[[str], str]) -> list[tuple[Any, ...]]:
    session = Session(find_sources([str(root)]))
    try:
        return session.all_rows(FIELDS, statement)
    finally:
        session.close()


def test_a_worker_and_its_executor_die_in_mid_query(
    cluster: StandaloneCluster, lake: LakeOnCluster, tmp_path: Path
) -> None:
    write(tmp_path, *(sample_flows(1000 * n, 1000, NOON_MS + n * 300_000) for n in range(12)))
    expected = in_duckdb(tmp_path, pairs(4))
    with asked(lake) as session:
        before = total(session)
        asking = Asking(session, pairs(4))
        asking.begun()
        assert len(cluster.kill_worker(1)) > 1
        try:
            assert asking.ended() == expected
            assert total(session) == before
        finally:
            cluster.start_worker(1)


def test_a_listed_file_expires(lake: LakeOnCluster, tmp_path: Path) -> None:
    write(tmp_path, *(sample_flows(100 * n, 100, NOON_MS + n * HOUR) for n in range(3)))
    with asked(lake) as session:
        assert total(session)[0][0] == 300
        gone = Catalog(tmp_path).slots()[1].path
        gone.unlink()
        numbers = [*range(100), *range(200, 300)]
        assert total(session) == [(200, sum(n % 7 + 1 for n in numbers) * 100, sum(numbers))]
        [(path, reason)] = session.sources.skipped
        assert path == str(gone)
        assert reason.startswith("gone")


def test_a_file_is_compacted_away_while_it_is_to_be_read(lake: LakeOnCluster, tmp_path: Path) -> None:
    write(tmp_path, *(sample_flows(100 * n, 100, NOON_MS + n * 300_000) for n in range(5)))
    with asked(lake) as session:
        before = total(session)
        assert before[0][0] == 500
        assert compact_all(tmp_path) == 1
        assert total(session) == before
        assert session.sources.skipped == []
    with asked(lake) as session:
        assert total(session) == before
        assert len(session.sources.files) == 1


def test_a_torn_file_is_left_out_and_named(lake: LakeOnCluster, tmp_path: Path) -> None:
    write(tmp_path, *(sample_flows(100 * n, 100, NOON_MS + n * HOUR) for n in range(2)))
    torn = Catalog(tmp_path).slots()[0].path
    torn.write_bytes(torn.read_bytes()[:-50])
    history = History(holdings=lake, sessions=lake.session)
    for _ in range(2):
        assert history.snapshot(LiveRequest(within=DAY)).total.matched.flows == 100
        assert history.unread == ((str(torn), "damaged"),)


def test_a_slot_that_is_added_is_seen_by_the_next_refresh(lake: LakeOnCluster, tmp_path: Path) -> None:
    history = History(holdings=lake, sessions=lake.session)
    assert history.extent() is None
    for count in (1, 2, 3):
        write(tmp_path, sample_flows(100 * count, 100, NOON_MS + count * 300_000))
        assert history.snapshot(LiveRequest(within=DAY)).total.matched.flows == 100 * count
        assert history.timeline(TimelineRequest(DAY, measure="flows")).values.sum() == 100 * count
    assert history.extent() == TimeRange(NOON_MS + 297_000, NOON_MS + 900_000)


def test_a_running_query_is_given_up(lake: LakeOnCluster, tmp_path: Path) -> None:
    write(tmp_path, *(sample_flows(1000 * n, 1000, NOON_MS + n * 300_000) for n in range(12)))
    with asked(lake) as session:
        asking = Asking(session, pairs(200))  # hours of work
        asking.begun()
        session.interrupt()
        assert isinstance(asking.ended(), Interrupted)
        session.resume()
        assert total(session)[0][0] == 12_000


def test_a_lake_that_the_cluster_does_not_see_is_an_error_and_no_answer(lake: LakeOnCluster, tmp_path: Path) -> None:
    write(tmp_path, sample_flows(0, 100))
    with asked(lake) as session:
        file = session.sources.files[0]
        # As if the directory of that name on the cluster's machines were another one.
        session._moved[file] = file + ".elsewhere"
        session._uris = lambda files: [f"file:{path}.elsewhere" for path in files]  # type: ignore[method-assign]
        with pytest.raises(BackendError, match="the cluster does not see"):
            total(session)


def test_the_cluster_goes_away_and_comes_back(cluster: StandaloneCluster, lake: LakeOnCluster, tmp_path: Path) -> None:
    write(tmp_path, sample_flows(0, 100))
    history = History(holdings=lake, sessions=lake.session)
    assert history.snapshot(LiveRequest(within=DAY)).total.matched.flows == 100
    cluster.end_server()
    try:
        for _ in range(2):
            with pytest.raises(BackendError, match=r"^backend sc://127\.0\.0\.1:\d+ cannot be reached: "):
                history.snapshot(LiveRequest(within=DAY))
        done = subprocess.run(
            [sys.executable, "-m", "nftui", "dump", "--backend", cluster.address, "--lake", str(tmp_path)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (69, "")
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith(f"nftui: backend {cluster.address} cannot be reached: ")
    finally:
        cluster.restart_server()
    assert history.snapshot(LiveRequest(within=DAY)).total.matched.flows == 100
