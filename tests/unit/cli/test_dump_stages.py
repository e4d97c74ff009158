"""`nftui dump` with --stitch, --dedup, --bin, several -s, shares, and Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from plain_flows import BASE_MS, flow_file

from nftui.cli import interruption
from nftui.cli.main import run
from nftui.engine.query.query import Query
from nftui.engine.query.session import Interrupted, Session

Row = dict[str, int | str | None]
MINUTE = 60_000


def at(start: int, lasts: int, **more: int | str | None) -> Row:
    return {"time_flow_start_ms": BASE_MS + start, "time_flow_end_ms": BASE_MS + start + lasts, **more}


def asked(path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert run(["dump", "-R", str(path), "-o", "ndjson", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def picked(records: list[dict[str, object]], *names: str) -> list[tuple[object, ...]]:
    return [tuple(record[name] for name in names) for record in records]


def test_slices_are_one_flow_in_lists_sums_and_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    flow_file(folder / "a.parquet", [at(0, MINUTE), at(MINUTE + 10, 50_000, bytes=500), at(4 * MINUTE, 5, bytes=3)])
    assert picked(asked(folder, capsys, "--stitch"), "time_flow_end_ms", "bytes", "packets", "flows") == [
        (BASE_MS + MINUTE + 50_010, 1500, 20, 1), (BASE_MS + 4 * MINUTE + 5, 3, 10, 1),
    ]  # fmt: skip
    assert picked(asked(folder, capsys, "--stitch", "--gap", "3m"), "bytes", "flows") == [(1503, 1)]
    assert picked(asked(folder, capsys, "--stitch", "--gap", "0"), "bytes") == [(1000,), (500,), (3,)]
    assert picked(asked(folder, capsys, "--stitch", "-s", "srcip"), "flows", "bytes") == [(2, 1503)]
    assert run(["dump", "-R", str(folder), "--stitch", "-w", str(tmp_path / "out.parquet")]) == 0
    assert picked(asked(tmp_path / "out.parquet", capsys), "bytes") == [(1500,), (3,)]


def test_copies_of_a_flow_count_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    near, far = {"sampler_address": "192.0.2.1"}, {"sampler_address": "192.0.2.2", "sampling_rate": 10}
    rows = [at(0, 100, **near), at(2000, 100, **far, packets=2), at(50_000, 100, **far, packets=1, bytes=7)]
    path = flow_file(tmp_path / "a.parquet", rows)
    assert picked(asked(tmp_path, capsys, "--dedup"), "sampler_address", "packets") == [
        ("192.0.2.1", 10), ("192.0.2.2", 10),
    ]  # fmt: skip
    assert picked(asked(tmp_path, capsys, "--dedup", "--gap", "1s", "-s", "proto"), "flows") == [(3,)]
    assert picked(asked(tmp_path, capsys, "--dedup", "-s", "proto", "exporter 192.0.2.2"), "flows") == [(2,)]
    assert run(["dump", "-r", str(path), "--gap", "1s"]) == 2
    assert run(["dump", "-r", str(path), "--dedup", "--gap", "soon"]) == 2


def test_sums_per_bin_have_its_times_and_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [at(30_000, MINUTE, bytes=600, packets=60), at(70_000, 1000, src_addr="10.0.0.2", bytes=60, packets=6)]
    flow_file(tmp_path / "a.parquet", rows)
    sums = asked(tmp_path, capsys, "-A", "srcip", "--bin", "1m")
    assert picked(sums, "time_flow_start_ms", "time_flow_end_ms", "src_addr", "flows", "bytes", "bps") == [
        (BASE_MS, BASE_MS + MINUTE, "10.0.0.1", 1, 300, 40),
        (BASE_MS + MINUTE, BASE_MS + 2 * MINUTE, "10.0.0.1", 0, 300, 40),
        (BASE_MS + MINUTE, BASE_MS + 2 * MINUTE, "10.0.0.2", 1, 60, 8),
    ]
    assert run(["dump", "-R", str(tmp_path), "-A", "srcip", "--bin", "1m", "-o", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == (
        "time_flow_start_ms,src_addr,time_flow_end_ms,flows,packets,bytes,pps,bps,bpp,"
        "flows_percent,packets_percent,bytes_percent"
    )
    ranked = asked(tmp_path, capsys, "-s", "ip/bytes", "-n", "1", "--bin", "1m")
    assert picked(ranked, "time_flow_start_ms", "addr", "bytes", "bytes_percent", "rank") == [
        (BASE_MS, "10.0.0.1", 300, 100.0, 1), (BASE_MS + MINUTE, "192.0.2.1", 360, 100.0, 1),
    ]  # fmt: skip
    assert run(["dump", "-R", str(tmp_path), "-s", "srcip", "--bin", "1m", "-o", "csv"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == ["statistic"] + ["srcip"] * 3
    assert run(["dump", "-R", str(tmp_path), "-s", "proto", "--bin", "1m"]) == 0
    assert "Total flows processed: 2, passed: 2" in capsys.readouterr().out
    for wrong in (["--bin", "1m"], ["-B", "--bin", "1m"], ["-a", "--bin", "soon"], ["-a", "--bin", "1ms"]):
        expected = 2
        assert run(["dump", "-R", str(tmp_path), *wrong]) == (0 if wrong[-1] == "1ms" else expected)


def test_rows_of_sums_have_their_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow_file(tmp_path / "a.parquet", [{"bytes": 300}, {"bytes": 100, "proto": 17, "packets": 30}])
    rows = asked(tmp_path, capsys, "-A", "proto", "-O", "bytes", "-n", "1")
    assert picked(rows, "proto", "flows_percent", "packets_percent", "bytes_percent") == [(6, 50.0, 25.0, 75.0)]


@pytest.fixture
def many_files(tmp_path: Path) -> Path:
    for number in range(8):
        flow_file(tmp_path / f"{number}.parquet", [at(number, 1, bytes=1 << number)] * 50)
    return tmp_path


def interrupted_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the first call of a method of Query end as by Ctrl-C."""
    real = getattr(Query, name)
    calls = []

    def fail_first(self: Query, *arguments: object, **named: object) -> object:
        if not calls:
            calls.append(1)
            raise Interrupted("interrupted")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Query, name, fail_first)


def test_an_interrupted_statistic_is_answered_from_the_oldest_files(
    many_files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted_once(monkeypatch, "rank")
    assert run(["dump", "-R", str(many_files), "-s", "proto", "-o", "ndjson"]) == 130
    printed = capsys.readouterr()
    row, mark = (json.loads(line) for line in printed.out.splitlines())
    assert (row["flows"], row["bytes"], mark) == (50, 50, {"partial": {"files": 1, "of": 8}})
    assert printed.err.splitlines() == [
        "nftui: interrupted: answering from 1 of 8 files; once more to stop",
        "nftui: interrupted: the answer is partial",
    ]


@pytest.mark.parametrize(
    ("form", "mark"),
    [("csv", "#partial,1,8"), ("json", ""), ("line", "Partial: interrupted: from the oldest 1 of 8 files")],
)
def test_interrupted_sums_are_marked_as_partial(
    form: str, mark: str, many_files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted_once(monkeypatch, "flows")
    assert run(["dump", "-R", str(many_files), "-A", "proto", "-o", form]) == 130
    out = capsys.readouterr().out
    if form == "json":
        [row, partial] = json.loads(out)
        assert (row["bytes"], partial) == (50, {"partial": {"files": 1, "of": 8}})
    else:
        assert out.splitlines()[-1] == mark


def test_one_file_cannot_be_answered_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flow_file(tmp_path / "a.parquet", [{}])
    interrupted_once(monkeypatch, "rank")
    assert run(["dump", "-R", str(tmp_path), "-s", "proto"]) == 130
    assert capsys.readouterr().out == ""


def test_how_many_files_follows_from_how_far_the_question_was(
    many_files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interruption, "_LEAST_PERCENT", 100.0)
    monkeypatch.setattr(Session, "progress", lambda _: 100.0)
    interrupted_once(monkeypatch, "rank")
    assert run(["dump", "-R", str(many_files), "-s", "proto", "-o", "csv"]) == 130
    assert capsys.readouterr().out.splitlines()[-1] == "#partial,2,8"


def test_information_has_the_sums_of_what_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Row] = [{"out_bytes": 5, "out_packets": 1}, {"proto": 58, "bytes": 7, "packets": 2}, {"proto": 47}]
    flow_file(tmp_path / "a.parquet", rows)
    assert run(["dump", "-R", str(tmp_path), "-I", "not proto 47"]) == 0
    said = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert (said["Flows"], said["Packets"], said["Bytes"]) == ("2", "13", "1012")
    assert (said["Bytes_tcp"], said["Bytes_udp"], said["Bytes_icmp"], said["Bytes_other"]) == ("1005", "0", "7", "0")
    assert (said["First"], said["msec_last"], said["Sequence failures"]) == (str(BASE_MS // 1000), "0", "0")


def test_statistics_count_the_direction_that_their_order_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow_file(tmp_path / "a.parquet", [{"bytes": 10, "out_bytes": 30, "out_packets": 3}, {"bytes": 20, "proto": 17}])
    found = asked(tmp_path, capsys, "-s", "proto/bytes/ibyte/obyte", "-n", "1")
    assert picked(found, "order", "proto", "bytes", "bytes_percent") == [
        ("bytes", 6, 40, 66.667), ("ibyte", 17, 20, 33.333), ("obyte", 6, 30, 50.0),
    ]  # fmt: skip


def test_on_a_terminal_ctrl_c_ends_the_query_and_still_answers(many_files: Path) -> None:
    """The whole way: a signal in the middle of the engine's work, a terminal on standard error."""
    code = (
        "import sys, threading, os, signal\n"
        "from nftui.engine.query.session import Session\n"
        "from nftui.engine.query.query import Query\n"
        "real = Query.rank\n"
        "def slow(self, *a):\n"
        "    Query.rank = real\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return self._session.all_rows((), lambda _: 'SELECT SUM(a.range % b.range) '\n"
        "        'FROM range(10000000) a, range(1, 10000000) b')\n"
        "Query.rank = slow\n"
        "from nftui.cli.main import run\n"
        f"sys.exit(run(['dump', '-R', {str(many_files)!r}, '-s', 'proto', '-o', 'csv']))\n"
    )
    terminal, its_end = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=its_end, text=True, timeout=120)
    os.close(its_end)
    said = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert done.returncode == 130, said
    assert done.stdout.splitlines()[-1] == "#partial,1,8"
    assert "interrupted: answering from 1 of 8 files" in said
