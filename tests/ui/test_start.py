"""How the screen starts: what it loads, when it refuses, and how it follows another process's store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback_ports import free_port
from terminal import Terminal

from nftui.config import Config, StoreConfig
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import SystemClock
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.store.writer import StoreWriter
from nftui.engine.viewer import Viewer

HEAVY = ("numpy", "pyarrow", "duckdb", "scapy")


def nftui(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nftui", *arguments], capture_output=True, text=True, timeout=120, **more
    )  # type: ignore[call-overload, no-any-return]


def test_application_loads_nothing_heavy_before_its_first_frame():
    code = f"import nftui.app, nftui.cli.tui, sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=120).strip() == "[]"


def test_a_signal_that_ends_the_program_is_named(tmp_path: Path):
    command = [sys.executable, "-m", "nftui", "--fresh", "--store", str(tmp_path / "s"), "--no-listen"]
    with Terminal(command, 100, 30) as terminal:
        assert terminal.until(lambda: terminal.shows("hosts"))
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait() == 143, terminal.last_words
        assert terminal.last_words == "nftui: ended by SIGTERM"


def test_without_a_terminal_one_line_names_the_other_commands():
    result = nftui(stdin=subprocess.DEVNULL)
    assert result.returncode == 64
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "nftui collect" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "env", "code", "words"),
    [
        (("--filter", "port and"), {}, 65, "nftui:"),
        (("--theme", "no-such"), {}, 2, "no theme 'no-such'"),
        (("--listen", ":1", "--no-listen"), {}, 2, "exclude each other"),
        ((), {"TERM": "dumb"}, 64, "nftui collect"),
    ],
)
def test_refusals_are_one_line_with_their_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], code: int, words: str
):
    command = [sys.executable, "-m", "nftui", "--store", str(tmp_path / "store"), *arguments]
    with Terminal(command, 100, 30, env) as terminal:
        assert terminal.wait() == code, terminal.last_words
        assert words in "".join(terminal.lines)
        assert b"\x1b[?1049h" not in terminal.received


def test_port_in_use_ends_the_screen_with_one_line(tmp_path: Path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "nftui", "--store", str(tmp_path / "s"), "--listen", f"127.0.0.1:{port}"]
        with Terminal(command, 100, 30) as terminal:
            assert terminal.wait() == 69, terminal.last_words
            left = bytes(terminal.received).rpartition(b"\x1b[?1049l")[2]
    assert b"nftui: " in left
    assert str(port).encode() in left
    assert b"Traceback" not in left


def flows(count: int, now_ms: int) -> FlowBatch:
    import numpy as np

    zeros = np.zeros(count, np.int64)
    return FlowBatch(
        count,
        {
            "time_received_ms": zeros + now_ms, "time_flow_start_ms": zeros + now_ms - 1000,
            "time_flow_end_ms": zeros + now_ms,
            "sampler_address_hi": zeros, "sampler_address_lo": zeros + 0xFFFFC0000201,
            "flow_source": np.full(count, 9, np.uint8), "flows": zeros + 1, "quality": np.zeros(count, np.uint16),
            "src_addr_hi": zeros, "src_addr_lo": zeros + 0xFFFF0A000007, "dst_addr_hi": zeros,
            "dst_addr_lo": zeros + 0xFFFF0A000008, "bytes": zeros + 100, "packets": zeros + 1,
            "proto": np.full(count, 6, np.uint8),
        },
    )  # fmt: skip


def test_viewer_follows_the_flows_that_another_writer_stores(tmp_path: Path):
    clock = SystemClock()
    writer = StoreWriter(tmp_path / "store", slot_seconds=3600, clock=clock)
    writer.open()
    try:
        writer.append(flows(5, clock.now_ms()))
        _flushed(writer)
        viewer = Viewer(Config(store=StoreConfig(path=str(tmp_path / "store"))))
        viewer.start()
        try:
            writer.append(flows(40, clock.now_ms()))
            _flushed(writer)
            end = time.monotonic() + 120
            seen = 0
            while seen < 40 and time.monotonic() < end:
                seen = viewer.snapshot(LiveRequest()).total.matched.flows
                time.sleep(0.05)
            shown = viewer.snapshot(LiveRequest())
            assert shown.total.matched.flows == 40  # what was there before the viewer is not now
            assert set(shown.values["addr"]) == {"10.0.0.7", "10.0.0.8"}
            health = viewer.health()
            assert health.counts == {"flows.in": 40}
            assert "no collector answers" in health.warnings[0]
        finally:
            assert viewer.stop()
    finally:
        writer.close()


def _flushed(writer: StoreWriter) -> None:
    end = time.monotonic() + 120
    while writer.status().unsaved_flows and time.monotonic() < end:
        writer.tick()
        time.sleep(0.05)
    assert writer.status().unsaved_flows == 0


def test_second_screen_on_a_store_is_a_viewer_with_the_health_of_the_first(tmp_path: Path):
    port = free_port()
    base = [sys.executable, "-m", "nftui", "--store", str(tmp_path / "store"), "--listen"]
    environment = {"NFTUI_COLLECTOR_ALLOW": "private"}
    with Terminal([*base, f"127.0.0.1:{port}"], 100, 30, environment) as first:
        assert first.until(lambda: first.shows(f"127.0.0.1:{port}")), "\n".join(first.lines)
        with Terminal([*base, f"127.0.0.1:{free_port()}"], 100, 30, environment) as second:
            assert second.until(lambda: second.shows("VIEWER of pid")), "\n".join(second.lines)
            assert second.until(lambda: second.shows(f"127.0.0.1:{port}")), "\n".join(second.lines)
            second.send(b"q")
            assert second.wait() == 0, second.last_words
        first.send(b"q")
        assert first.wait() == 0, first.last_words
    assert os.listdir(tmp_path / "store")
