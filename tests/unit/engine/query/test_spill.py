"""What is spilled lies where only its user can read it, and memory is bounded as asked."""

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from plain_flows import flow_file

from nftui.engine.query.aggregate import BY_TUPLE, Aggregation, Bidirectional
from nftui.engine.query.duck import connect
from nftui.engine.query.orders import parse_order
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Interrupted, Session
from nftui.engine.query.sources import find_sources
from nftui.engine.query.spill import spill_directory
from nftui.errors import UsageError


def test_the_directory_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    place = Path(spill_directory())
    assert place.parent == tmp_path / f"nftui-{os.getuid()}"
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert not place.exists()
    assert Path(spill_directory()) != place


def test_a_process_that_ends_leaves_the_directory_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = "from nftui.engine.query.duck import connect; connect('', 0)"
    with closing(connect("77MB", 0)) as connection:
        [(place,)] = connection.execute("SELECT current_setting('temp_directory')").fetchall()
        subprocess.run([sys.executable, "-c", code], check=True)
        assert list(tmp_path.glob("nftui-*/*")) == [Path(place)]


def test_what_was_spilled_can_be_forgotten_while_the_engine_is_still_being_loaded(tmp_path: Path) -> None:
    """A screen may be left at any moment, also while another thread loads what asks the store."""
    spilled = tmp_path / "nftui-0" / "query-1"
    spilled.mkdir(parents=True)
    (spilled / "part").touch()
    code = (
        "import sys; from nftui.engine.query.spill import forget_spilled, remove_at_end\n"
        f"remove_at_end({str(spilled)!r}); forget_spilled(); print('nftui.engine.query.duck' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_directory_that_others_can_enter_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    known = tmp_path / f"nftui-{os.getuid()}"
    known.mkdir()
    known.chmod(mode)
    parent = Path(spill_directory()).parent
    assert parent != known
    assert parent.stat().st_mode & 0o777 == 0o700


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"nftui-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    assert Path(spill_directory()).parent.parent == tmp_path
    assert "elsewhere" not in os.path.realpath(spill_directory())


def test_the_limit_of_memory_is_the_engine_s() -> None:
    with closing(connect("123MB", 0)) as connection:
        [(limit,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    assert limit == "117.3 MiB"


def test_the_usual_limit_is_below_a_quarter_of_what_nfdump_takes_for_ten_million_flows() -> None:
    with closing(connect("", 0)) as connection:
        [(limit,)] = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    assert float(limit.removesuffix(" MiB")) <= 2700 / 4


def test_a_limit_that_cannot_be_is_told() -> None:
    with pytest.raises(UsageError, match="memory limit 'much'"):
        connect("much", 0)


def many_flows(folder: Path, count: int) -> Path:
    """A file of flows that all have a 5-tuple of their own; flow number i has i bytes."""
    seed, flows = flow_file(folder / "seed.parquet", [{}]), folder / "flows.parquet"
    with closing(connect("", 0)) as connection:
        connection.execute(
            "COPY (SELECT * REPLACE (CAST(i % 60000 AS USMALLINT) AS src_port, i // 60000 AS dst_addr_lo, i AS bytes) "
            f"FROM '{seed}', range({count}) AS numbers(i)) TO '{flows}' (FORMAT parquet)"
        )
    return flows


def spilled(folder: Path) -> list[Path]:
    """What lies in the directories for spilled flows."""
    return [path for path in (folder / f"nftui-{os.getuid()}").glob("*/*") if path.is_file()]


def test_groups_beyond_the_limit_go_to_disk_and_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    flows = many_flows(tmp_path, 600_000)
    with closing(Session(find_sources([str(flows)]), memory="40MB", threads=2)) as session:
        query = Query(session, parse_filter("any"), aggregation=BY_TUPLE)
        found = [row[-1] for rows in query.flows((), (), parse_order("bytes:a"), 100_000) for row in rows]
        assert found == list(range(100_000))
        assert spilled(tmp_path), "nothing was spilled: the test is too small"


@pytest.mark.parametrize(
    ("aggregation", "memory"), [(BY_TUPLE, "150MB"), (Bidirectional(guess=True), "151MB")], ids=["-a", "-B"]
)
def test_a_query_that_spills_can_be_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aggregation: Aggregation, memory: str
) -> None:
    # Sessions with equal limits share an instance, and with it the directory.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    flows = many_flows(tmp_path, 3_000_000)
    with closing(Session(find_sources([str(flows)]), memory=memory, threads=2)) as session:
        over = threading.Event()

        def give_up() -> None:
            while not spilled(tmp_path) and not over.wait(0.001):
                pass
            session.interrupt()

        watching = threading.Thread(target=give_up)
        watching.start()
        query = Query(session, parse_filter("any"), aggregation=aggregation)
        try:
            with pytest.raises(Interrupted):
                list(query.flows((), (), parse_order("bps"), None))
            assert spilled(tmp_path), "given up before anything was spilled"
        finally:
            over.set()
            watching.join()
        session.resume()
        assert query.totals().records == 3_000_000
