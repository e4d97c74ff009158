"""`nftui probe` on capture files, and `nftui ctl`, through the command line."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from probe_packets import START, tcp, udp, write_pcap

from nftui.cli.main import run
from nftui.cli.probe import parse_interfaces, parse_sampling, parse_timeouts
from nftui.engine.control import ControlServer, socket_path
from nftui.errors import UsageError
from nftui.probe.timeouts import Timeouts

FRAMES = [
    tcp("10.0.0.1", "10.0.0.2", 1, 80),
    tcp("10.0.0.2", "10.0.0.1", 80, 1, 0x12),
    udp("2001:db8::1", "2001:db8::2", 5, 53),
]


@pytest.fixture
def capture(tmp_path: Path) -> str:
    return str(write_pcap(tmp_path / "a.pcap", FRAMES))


def test_a_file_gives_its_statistics(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probe", "-r", capture]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Number of active flows: 0\nPackets processed: 3\nFragments: 0\n")
    assert "   flushed =         2\n" in out
    assert err == ""
    assert run(["probe", "-r", capture, "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_filter_and_sampling_choose_packets(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probe", "-r", capture, "tcp", "port", "80"]) == 0
    assert "Packets processed: 2\n" in capsys.readouterr().out
    assert run(["probe", "-r", capture, "-s", "1/2"]) == 0
    assert "Packets processed: 2\nPackets non-sampled: 1\n" in capsys.readouterr().out


def test_v5_says_what_becomes_of_ipv6(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{opened.getsockname()[1]}"
        assert run(["probe", "-r", capture, "-n", target, "-v", "5"]) == 0
        out, err = capsys.readouterr()
        assert "Ignored packets: 1 (1 non-IP, 0 too short)\n" in out
        assert "Flows exported: 1 (2 records) in 1 packets (0 failures)\n" in out
        assert "NetFlow v5 cannot carry IPv6" in err
        assert run(["probe", "-r", capture, "-n", target, "-v", "5", "-6"]) == 0
        assert "Packets processed: 3\n" in capsys.readouterr().out


def test_a_cut_file_is_a_partial_answer(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(capture).write_bytes(Path(capture).read_bytes()[:-1])
    assert run(["probe", "-r", capture]) == 3
    out, err = capsys.readouterr()
    assert "Packets processed: 2\n" in out
    assert "the last packet is cut off" in err


def test_a_file_goes_into_a_store_with_its_own_times(
    capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert run(["probe", "-r", capture, "-l", str(store), "-b", "-q"]) == 0
    assert run(["dump", "-r", str(store), "-o", "ndjson", "-q"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((row["proto"], row["packets"], row.get("out_packets")) for row in rows) == [(6, 1, 1), (17, 1, 0)]
    assert {row["time_received_ms"] for row in rows} == {START * 1000 + 2}


@pytest.mark.parametrize("arguments", [
    [], ["-i", "lo", "-r", "x"], ["-r", "x", "-t", "nope=1"], ["-r", "x", "-s", "0"], ["-r", "x", "-m", "0"],
    ["-r", "x", "-n", "nohost"], ["-r", "x", "-n", "a:1", "-v", "9", "-b"], ["-r", "/nonexistent"],
    ["-i", "lo", "-C", "10"], ["-i", "lo", "-B", "1"], ["-r", "x", "-v", "7"],
])  # fmt: skip
def test_wrong_options_are_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probe", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def test_a_wrong_filter_is_found_even_for_an_empty_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = str(write_pcap(tmp_path / "a", []))
    assert run(["probe", "-r", empty, "port", "port"]) == 2
    assert "syntax error" in capsys.readouterr().err
    assert run(["probe", "-r", empty, "udp"]) == 0


def test_values_of_options() -> None:
    assert [parse_sampling(text) for text in (None, "10", "1/10", "1:10")] == [1, 10, 10, 10]
    with pytest.raises(UsageError):
        parse_sampling("ten")
    assert parse_interfaces(["eth0", "7:eth1", "vlan:5"]) == (("eth0", "eth1", "vlan:5"), {"eth1": 7})
    assert parse_timeouts([], False) == Timeouts()
    assert parse_timeouts(["active=0", "udp=1m"], True) == Timeouts(active=0, udp=60, expint=5)


def test_ctl_without_anybody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ctl", "-c", str(tmp_path / "none"), "statistics"]) == 69
    assert "no probe answers at" in capsys.readouterr().err
    assert run(["ctl", "statistic"]) == 2
    assert "unknown control word 'statistic'" in capsys.readouterr().err


def test_ctl_asks_a_collector_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exporters = [{"address": "192.0.2.1", "port": 9, "templates": [{"id": 256}], "domains": 1}]
    server = ControlServer(
        socket_path(tmp_path), {"health": lambda: {"uptime": 1}, "exporters": lambda: exporters, "config": list}
    )
    server.open()
    stopping = threading.Event()
    thread = threading.Thread(target=server.run, args=(stopping,))
    thread.start()
    try:
        answers = {}
        for word in ("health", "exporters", "templates", "config"):
            assert run(["ctl", "-l", str(tmp_path), "--json", word]) == 0
            answers[word] = json.loads(capsys.readouterr().out)
    finally:
        stopping.set()
        thread.join()
        server.close()
    assert answers == {
        "health": {"uptime": 1},
        "exporters": exporters,
        "templates": [{"address": "192.0.2.1", "port": 9, "templates": [{"id": 256}]}],
        "config": [],
    }
