"""`nftui demo` without a screen: what it exports is what the store has, and it says so by its exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nftui.cli.demo import demo
from nftui.demo.exporters import Exporters
from nftui.demo.readback import read_back
from nftui.demo.world import Exporter
from nftui.errors import ListenError, NftuiError

SHORT_DEMO = """
import sys
from nftui.cli import demo
demo._HEADLESS_SECONDS = 0.5
sys.exit(demo.demo(["--rate", "100"], standalone_mode=False))
"""


def test_headless_run_stores_every_exported_flow(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "nftui", "demo", "--seconds", "2", "--rate", "300", "--store", str(tmp_path / "store")],
        capture_output=True, text=True, timeout=120, env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = re.search(r"^Every one of ([\d,]+) exported flows is in the store\.$", done.stdout, re.MULTILINE)
    assert said
    flows = int(said[1].replace(",", ""))
    assert flows > 500  # a busy machine sends fewer in two seconds
    stored = read_back(tmp_path / "store")
    assert sum(flows for flows, _, _ in stored.exporters.values()) == flows
    assert set(stored.exporters) == {"127.0.0.2", "127.0.0.3", "127.0.0.4"}
    for exporter, (count, packets, octets) in stored.exporters.items():
        row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith(exporter))
        assert [f"{n:,}" for n in (count, count, packets, octets)] == row[-4:]
    assert stored.talkers[0].address in done.stdout
    assert "datagrams.rejected" not in done.stdout
    assert list(temporary.iterdir()) == []


def test_no_terminal_means_headless_and_nothing_is_left(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHORT_DEMO],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no terminal" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_flow_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = Exporters.exported

    def exported(self: Exporters) -> list[object]:
        first, *rest = honest(self)
        return [replace(first, flows=first.flows + 1), *rest]

    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(Exporters, "exported", exported)
    monkeypatch.setattr("nftui.cli.demo._ARRIVE_SECONDS", 0.3)
    code = demo(["--seconds", "0.5", "--rate", "100", "--store", str(tmp_path / "store")], standalone_mode=False)
    assert code == 70
    out, err = capsys.readouterr()
    assert re.search(r"127\.0\.0\.2 exported (\d+) flows, the store has (\d+)", err)
    assert "Every one" not in out


def test_an_address_that_cannot_be_used_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nftui.demo.exporters.SOURCES", dict.fromkeys(Exporter, "203.0.113.1"))
    with pytest.raises(ListenError, match=r"cannot send from 203\.0\.113\.1: "):
        Exporters(("127.0.0.1", 9), 100, 1).start()


def test_a_sender_that_dies_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(self: object) -> None:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("nftui.demo.traffic.Traffic.step", step)
    monkeypatch.setattr("nftui.demo.traffic.WARM_UP_STEPS", 0)
    with pytest.raises(NftuiError, match="sending ended early: out of ideas"):
        demo(["--seconds", "0.5", "--store", str(tmp_path / "store")], standalone_mode=False)
