"""What the collect command says and how it ends, with the engine in this process."""

import signal

import pytest
from loopback_ports import free_port

from nftui.cli.collect import slot_line
from nftui.cli.main import run
from nftui.engine import supervisor
from nftui.engine.ingest.pipeline import Pipeline
from nftui.engine.ingest.slot_totals import SlotReport


@pytest.fixture(autouse=True)
def _no_signals(monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def test_slot_line_is_nfcapds_and_names_every_loss():
    counts = {
        "sequence.lost": 4,
        "datagrams.rejected.short": 1,
        "datagrams.rejected.version": 2,
        "kernel.dropped": 5,
        "datagrams.dropped.oversize": 6,
        "datagrams.dropped.not_allowed": 0,
        "flows.failed.disk_full": 7,
        "flows.in": 8,
    }
    assert slot_line("gw", SlotReport(0, 1, 2, 3, counts)) == (
        "Ident: 'gw' Flows: 1, Packets: 2, Bytes: 3, Sequence Errors: 4, Bad Packets: 3, "
        "kernel.dropped: 5, datagrams.dropped.oversize: 6, flows.failed.disk_full: 7"
    )


def test_a_thread_that_gives_up_ends_the_command_with_70(tmp_path, monkeypatch, capsys):
    def _broken(*_):
        raise RuntimeError("no more")

    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(Pipeline, "receive", _broken)
    assert run(["collect", "-l", str(tmp_path / "s"), "-p", f"127.0.0.1:{free_port()}"]) == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert "nftui: the receive thread failed: RuntimeError: no more\n" in err


def test_a_helper_that_gives_up_is_told_and_collecting_goes_on(tmp_path, monkeypatch, capsys):
    from nftui.engine.control import ControlServer

    def _broken(*_):
        raise RuntimeError("no more")

    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(ControlServer, "run", _broken)
    arguments = ["collect", "-l", str(tmp_path / "s"), "-p", f"127.0.0.1:{free_port()}", "--seconds", "1"]
    assert run(arguments) == 70  # after its time, not before
    err = capsys.readouterr().err
    assert "Ident: 'none' Flows: 0" in err
    assert "nftui: the control thread failed: RuntimeError: no more\n" in err
    assert "\nRuntimeError: no more\n" in err, "the traceback is not there"


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch, capsys):
    from nftui.engine.engine import Engine
    from nftui.engine.health import Health
    from nftui.engine.store.writer import StoreStatus

    states = iter([None, "disk full", "disk full", None, "disk full"])
    real = Engine.health

    def _health(self) -> Health:
        found = real(self)
        error = next(states, None)
        store = StoreStatus(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, error)
        return Health(found.now_ms, store=store, workers=found.workers, listen=found.listen)

    monkeypatch.setattr(Engine, "health", _health)
    monkeypatch.setattr("nftui.cli.collect._LOOK_SECONDS", 0.01)
    assert run(["collect", "-l", str(tmp_path / "s"), "-p", f"127.0.0.1:{free_port()}", "--seconds", "0.5"]) == 0
    assert capsys.readouterr().err.count("nftui: disk full\n") == 2
