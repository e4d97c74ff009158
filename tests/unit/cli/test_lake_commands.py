"""`nftui ioc`, `replay` and `dump` by site, of a lake in a directory and in a bucket; what cannot read one says so."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from export_wire import Collector, column
from lakes import FolderBucket, bring, compact, write_slots
from plain_flows import flow_file

from nftui.cli.main import run
from nftui.engine.lake.place import parse_place

SITES = {"a": range(240), "b": range(5000, 5120)}
"""Numbers of the flows of each site."""
WANTED = ("198.51.100.5", "198.51.100.64/26", "10.0.0.0/24", "203.0.113.1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a lake in `flows/lake`: site a with 240 flows of which an hour is compacted, b with 120."""
    folder = tmp_path_factory.mktemp("lakes")
    (folder / "flows/lake").mkdir(parents=True)
    for site, numbers in SITES.items():
        write_slots(folder / site, numbers[0], len(numbers) // 60)
        if site == "a":
            compact(folder / site)
        bring(folder / site, parse_place(str(folder / "flows/lake")), site)
    return folder


@pytest.fixture(params=["directory", "bucket"])
def lake(request: pytest.FixtureRequest, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its URI, as a directory and as a prefix of the bucket `flows`."""
    if request.param == "directory":
        return str(folder / "flows/lake")
    monkeypatch.setattr("nftui.engine.lake.files.open_files", lambda place: FolderBucket(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return "s3://flows/lake"


def seen(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> dict[str, tuple[int, int]]:
    """Flows and bytes of each indicator."""
    (tmp_path / "list").write_text("\n".join(WANTED))
    assert run(["ioc", "-o", "ndjson", "--all", *arguments, str(tmp_path / "list")]) == 1
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {record["indicator"]: (record.get("flows") or 0, record.get("bytes") or 0) for record in records}


def expected(sites: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The same from the rules by which `sample_flows` makes them."""
    found = {}
    for indicator, passes in {
        "198.51.100.5": lambda n: n % 200 == 5,
        "198.51.100.64/26": lambda n: 64 <= n % 200 < 128,
        "10.0.0.0/24": lambda n: n * 7919 % 5000 < 256,
        "203.0.113.1": lambda n: False,
    }.items():
        some = [number for site in sites for number in SITES[site] if passes(number)]
        found[indicator] = (len(some), sum(100 * (number % 7 + 1) for number in some))
    return found


def test_indicators_are_found_in_all_sites_or_those_that_are_named(
    lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert seen(capsys, tmp_path, "--lake", lake) == expected(["a", "b"])
    for site in SITES:
        assert seen(capsys, tmp_path, "--lake", lake, "--site", site) == expected([site])
    assert len(set(expected(["a", "b"]).values())) == len(WANTED)


def test_the_answer_is_that_of_dump_for_each_indicator(
    lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    window = ("-t", "2026-11-21T12:04:00Z..2026-11-21T12:05:10Z")
    found = seen(capsys, tmp_path, "--lake", lake, *window)
    assert 0 < found["198.51.100.64/26"][0] < expected(["a", "b"])["198.51.100.64/26"][0]
    for indicator, (flows, octets) in found.items():
        assert run(["dump", "--lake", lake, *window, "-o", "ndjson", f"net {indicator}"]) == 0
        records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert (len(records), sum(record["bytes"] for record in records)) == (flows, octets)


def test_a_site_is_replayed(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.settimeout(20)
        port = str(receiver.getsockname()[1])
        assert run(["replay", "--lake", lake, "--site", "b", "-p", port, "--fast", "proto udp"]) == 0
        said = capsys.readouterr().err
        datagrams = [receiver.recv(65_536) for _ in range(int(said.split(" datagrams")[0].rpartition(" ")[2]))]
    some = [number for number in SITES["b"] if number % 3 == 1]
    assert said.startswith(f"nftui: {len(some)} flows in ")
    octets = column(Collector().feed(*datagrams), "bytes")
    assert sorted(map(int, octets)) == sorted(100 * (number % 7 + 1) for number in some)


def test_series_and_summaries_are_of_all_sites(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "--lake", lake, "--series", "5m", "-o", "csv"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [int(row[3]) for row in rows] == [120, 120, 60, 60]
    assert run(["dump", "--lake", lake, "--summary", "-o", "csv"]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.splitlines()[1:]]
    assert {name: sum(int(row[4]) for row in rows if row[0] == name) for name in ("bytes", "packets")} == {
        "bytes": 360,
        "packets": 360,
    }


def test_flows_are_counted_by_their_site(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "--lake", lake, "-s", "site/bytes", "-o", "ndjson"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    octets = {site: sum(100 * (number % 7 + 1) for number in numbers) for site, numbers in SITES.items()}
    assert [(record["site"], record["flows"], record["bytes"]) for record in records] == [
        ("a", 240, octets["a"]),
        ("b", 120, octets["b"]),
    ]
    assert run(["dump", "--lake", lake, "-A", "site,proto", "-O", "bytes", "-o", "ndjson"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(record["site"], record["proto"]): record["flows"] for record in records} == {
        (site, proto): len(numbers) // 3 for site, numbers in SITES.items() for proto in (1, 6, 17)
    }


@pytest.mark.parametrize(
    ("text", "flows"),
    [
        ("site a", 240),
        ("site = b and proto udp", 40),
        ("site != a", 120),
        ("site in [a b]", 360),
        ("not site a", 120),
        ("site c or site *x*", 0),
        ("site defined", 360),
        ("site A and net 198.51.100.0/30", sum(number % 200 < 4 for number in SITES["a"])),
    ],
)
def test_a_filter_tells_sites_apart(lake: str, capsys: pytest.CaptureFixture[str], text: str, flows: int) -> None:
    assert run(["dump", "--lake", lake, "-I", text]) == 0
    assert dict(line.split(": ") for line in capsys.readouterr().out.splitlines())["Flows"] == str(flows)


def test_a_flow_says_of_which_site_it_is_and_a_file_of_it_still_does(
    lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "some.parquet")
    assert run(["dump", "--lake", lake, "-w", target, "proto udp"]) == 0
    said = []
    for where in (["--lake", lake, "proto udp"], ["-r", target]):
        capsys.readouterr()
        assert run(["dump", "-o", "ndjson", *where]) == 0
        flows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        said.append({flow["flow_id"]: flow["site"] for flow in flows})
    assert said[0] == said[1]
    assert said[0] == {number: site for site, numbers in SITES.items() for number in numbers if number % 3 == 1}


def test_names_of_sites_are_not_among_what_is_shown_to_others(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "--lake", lake, "--anonymize", "0" * 64, "-o", "ndjson", "-c", "5", "site b"]) == 0
    flows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [flow["flow_id"] in SITES["b"] and "site" not in flow for flow in flows] == [True] * 5


def test_sites_may_have_different_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: dict[str, list[dict[str, int | str | None]]] = {
        "a": [{"username": "ann", "bytes": 1}, {"username": "bob", "bytes": 2}],
        "b": [{"bytes": 4}, {"application_name": "dns", "bytes": 8}],
    }
    for site, some in rows.items():
        hour = tmp_path / f"lake/site={site}/date=2026-01-01/hour=10"
        hour.mkdir(parents=True)
        for number, row in enumerate(some, 1):
            flow_file(hour / f"20260101T100000Z-00000000-00000{number}.parquet", [row])
    said = {}
    for options in (["-A", "site,user,app"], ["-A", "site"], ["-A", "user", "site b or user bob"]):
        assert run(["dump", "--lake", str(tmp_path / "lake"), *options, "-o", "ndjson"]) == 0
        records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        keys = ("site", "username", "application_name")
        said[options[1]] = {tuple(record.get(key) for key in keys): record["bytes"] for record in records}
    assert said == {
        "site,user,app": {
            ("a", "ann", None): 1,
            ("a", "bob", None): 2,
            ("b", None, None): 4,
            ("b", None, "dns"): 8,
        },
        "site": {("a", None, None): 3, ("b", None, None): 12},
        "user": {(None, "bob", None): 2, (None, None, None): 12},
    }


def test_a_store_by_itself_has_no_site(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dump", "-r", str(folder / "b"), "-c", "1", "-o", "ndjson"]) == 0
    assert "site" not in json.loads(capsys.readouterr().out)
    assert run(["dump", "-r", str(folder / "b"), "-I", "site b or site defined"]) == 0
    assert "Flows: 0\n" in capsys.readouterr().out
    assert run(["dump", "-r", str(folder / "flows/lake/site=b"), "-I", "site b"]) == 0
    assert "Flows: 120\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["ioc", "--site", "a", "list"], "--site goes with --lake URI"),
        (["ioc", "--lake", "/x", "-r", "y", "list"], "--lake excludes -r"),
        (["replay", "--lake", "s3://k:geheim@b"], "keys belong in AWS_ACCESS_KEY_ID"),
        (["ioc", "-r", "s3://flows/x", "list"], "a bucket is read with --lake by nftui dump, ioc and replay"),
        (["convert", "s3://flows/x?region=r", "out.csv"], "nftui dump --lake URI -w PATH writes its flows to a file"),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("192.0.2.1\n")
    assert run(command) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "geheim" not in said
