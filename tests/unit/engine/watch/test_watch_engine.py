"""The watch of a whole collector: datagrams in, findings over the control socket, the user's command told."""

from __future__ import annotations

import json
import struct
import sys
import time
from pathlib import Path

import pytest
from loopback_ports import free_port

from nftui.config import CollectorConfig, Config, StoreConfig, WatchConfig
from nftui.engine.answers import restore
from nftui.engine.control import ask
from nftui.engine.engine import Engine
from nftui.engine.viewer import Viewer
from nftui.engine.watch import watcher
from nftui.engine.watch.finding import WatchState


def scan(targets: int) -> list[bytes]:
    """NetFlow v5 datagrams: 192.0.2.7 tries port 22 of so many hosts."""
    now = int(time.time())
    records = [
        struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", b"\xc0\x00\x02\x07", b"\x0a\x00" + i.to_bytes(2, "big"), bytes(4), 1, 2,
                    1, 40, 900, 950, 40_000, 22, 0, 2, 6, 0, 0, 0, 0, 0, 0)
        for i in range(targets)
    ]  # fmt: skip
    datagrams = []
    for first in range(0, targets, 30):
        part = records[first : first + 30]
        datagrams.append(struct.pack("!HHIIIIBBH", 5, len(part), 1000, now, 0, first, 0, 0, 0) + b"".join(part))
    return datagrams


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "STEP_SECONDS", 0.3)
    monkeypatch.setattr(watcher, "_GATHER_SECONDS", 0.05)


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.usefixtures("quick")
def test_a_scan_is_found_told_and_seen_from_elsewhere(tmp_path: Path):
    import socket

    port = free_port()
    out = tmp_path / "told"
    program = f"import sys; open({str(out)!r}, 'a').write(sys.stdin.read())"
    config = Config(
        CollectorConfig(listen=(f"127.0.0.1:{port}",)), StoreConfig(path=str(tmp_path / "s")),
        watch=WatchConfig(command=f'{sys.executable} -c "{program}"'), rules={"ssh": "port 22 over 1 flow/s for 10s"},
    )  # fmt: skip
    engine = Engine(config, live=False)
    engine.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in scan(240):
                sender.sendto(datagram, ("127.0.0.1", port))
        wait_for(lambda: any(found.kind == "scan" and found.flows == 240 for found in engine.watch().findings))
        (found,) = (found for found in engine.watch().findings if found.kind == "scan")
        assert found.subject == "192.0.2.7 TCP port 22"
        answer = restore(WatchState, ask(engine.control_path, "watch", 120))
        assert [item.identity for item in answer.findings] == [item.identity for item in engine.watch().findings]
        assert answer.rules[0].name == "ssh"
        viewer = Viewer(config)
        assert found.identity in {item.identity for item in viewer.watch().findings}
        viewer.mute(found.identity)
        assert found.identity not in {item.identity for item in viewer.watch().findings}
        wait_for(lambda: out.exists() and out.read_text().endswith("\n"))
        told = json.loads(out.read_text().splitlines()[0])
        assert (told["kind"], told["subject"]) == ("scan", "192.0.2.7 TCP port 22")
    finally:
        assert engine.stop()


def test_a_collector_without_a_screen_looks_for_nothing_that_nobody_asked_for(tmp_path: Path):
    engine = Engine(Config(CollectorConfig(listen=()), StoreConfig(path=str(tmp_path / "s"))), live=False)
    engine.start()
    try:
        assert "findings" not in {worker.name for worker in engine.health().workers}
        assert engine.watch() == WatchState()
    finally:
        engine.stop()
