"""What an engine knows of its exporters is what another process's viewer and `nftui ctl` are told."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from export_wire import a_set, template, v9
from loopback_ports import free_port

from nftui.cli.main import run
from nftui.config import CollectorConfig, Config, StoreConfig
from nftui.engine.engine import Engine
from nftui.engine.viewer import Viewer
from nftui.errors import BackendError, UsageError

Ctl = Callable[..., str]


def config(root: Path, *listen: str) -> Config:
    return Config(CollectorConfig(listen=listen), StoreConfig(path=str(root)))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    running = Engine(config(tmp_path / "s", f"127.0.0.1:{free_port()}"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def viewer(engine: Engine) -> Viewer:
    return Viewer(Config(store=StoreConfig(path=str(engine.store_root))))


def send(engine: Engine, *payloads: bytes) -> None:
    port = int(engine.health().listen[0].rpartition(":")[2])
    before = engine.ledger.snapshot().get("datagrams.received", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for payload in payloads:
            sender.sendto(payload, ("127.0.0.1", port))
    wait_for(lambda: engine.ledger.snapshot().get("datagrams.received", 0) == before + len(payloads))


@pytest.fixture
def ctl(engine: Engine, capsys: pytest.CaptureFixture[str]) -> Ctl:
    def asked(*words: str) -> str:
        assert run(["ctl", "-l", str(engine.store_root), *words]) == 0
        return capsys.readouterr().out

    return asked


def test_rejected_datagrams_reach_the_viewer_and_ctl(engine: Engine, viewer: Viewer, ctl: Ctl) -> None:
    send(engine, b"\x00\x63\x1b[2J evil", v9(template(9, 256, [(8, 4)])))
    wait_for(lambda: len(engine.rejected()) == 1)
    (kept,) = engine.rejected("127.0.0.1")
    assert (kept.reason, bytes.fromhex(kept.data)) == ("datagrams.rejected.version", b"\x00\x63\x1b[2J evil")
    assert viewer.rejected("127.0.0.1") == [kept]
    assert viewer.rejected("127.0.0.2") == []
    assert json.loads(ctl("--json", "rejected"))[0]["data"] == kept.data
    assert "none of NetFlow" in ctl("advice")
    assert "\x1b" not in ctl("rejected", "127.0.0.1")


def test_missing_templates_reach_the_viewer_and_ctl(engine: Engine, viewer: Viewer, ctl: Ctl) -> None:
    send(engine, v9(template(9, 256, [(8, 4), (1, 4)])), v9(a_set(300, bytes(8)), sequence=1))
    wait_for(lambda: bool(engine.exporters()[0].missing))
    assert viewer.exporters() == engine.exporters()
    (answer,) = json.loads(ctl("--json", "templates"))
    assert answer["missing"] == [{"version": 9, "domain": 1, "template_id": 300, "waiting": 1}]
    assert answer["templates"][0]["lengths"] == [4, 4]
    assert answer["templates"][0]["numbers"] == [[0, 8], [0, 1]]


def test_minutes_reach_the_viewer_and_ctl(engine: Engine, viewer: Viewer, ctl: Ctl) -> None:
    send(engine, v9(template(9, 256, [(8, 4)])))
    wait_for(lambda: engine.losses("127.0.0.1").exporter.total("datagrams") == 1)
    wait_for(lambda: len(engine.losses("127.0.0.1").collector) > 0)
    assert viewer.losses("127.0.0.1").exporter.figures["datagrams"][-1] == 1
    assert json.loads(ctl("--json", "losses", "127.0.0.1"))["exporter"]["figures"]["datagrams"][-1] == 1
    with pytest.raises(UsageError, match="not an address"):
        engine.losses("router")


def test_a_viewer_allows_and_refuses(engine: Engine, viewer: Viewer, ctl: Ctl) -> None:
    viewer.refuse("127.0.0.1")
    send(engine, v9(template(9, 256, [(8, 4)])))
    wait_for(lambda: [sender.address for sender in engine.refused()] == ["127.0.0.1"])
    assert engine.ledger.snapshot()["datagrams.dropped.not_allowed"] == 1
    assert "127.0.0.1 is not allowed to send here" in ctl("advice", "127.0.0.1")
    viewer.allow("127.0.0.0/8")
    send(engine, v9(template(9, 256, [(8, 4)])))
    wait_for(lambda: engine.ledger.snapshot().get("templates.received") == 1)
    assert engine.refused() == []
    ctl("refuse", "127.0.0.1")
    assert not engine._intake.allow.permits(0xFFFF7F000001)
    with pytest.raises(UsageError):
        viewer.allow("everybody")


def test_a_viewer_reads_the_settings(engine: Engine, viewer: Viewer) -> None:
    assert viewer.settings()["store.path"] == str(engine.store_root)
    assert viewer.settings() == engine.settings()


def test_a_viewer_of_nobody_has_nothing(tmp_path: Path) -> None:
    viewer = Viewer(Config(store=StoreConfig(path=str(tmp_path))))
    assert viewer.rejected() == []
    assert len(viewer.losses("127.0.0.1").exporter) == 0
    assert viewer.settings() == {}
    with pytest.raises(BackendError, match="no collector answers"):
        viewer.allow("127.0.0.1")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["losses"], "losses needs an address"), (["health", "127.0.0.1"], "one word too many"),
     (["allow", "everybody"], "--allow everybody")],
)  # fmt: skip
def test_ctl_says_what_is_missing(
    engine: Engine, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ctl", "-l", str(engine.store_root), *words]) != 0
    assert said in capsys.readouterr().err
