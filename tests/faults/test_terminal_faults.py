"""Terminals that close, stall or lie, with the whole program behind the screen: section D of docs/reliability.md."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from collector_process import FULL, PATIENCE_SECONDS, RECORDS, send, stored, v5
from loopback_ports import free_port

from nftui.engine.control import ask, socket_path
from nftui.errors import BackendError

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))

from terminal import Terminal, python

BLOCKED_SECONDS = 30 if FULL else 5
QUITS = 20 if FULL else 2


def screen(store: Path, port: int, *options: str, **more: object) -> Terminal:
    """`nftui` that receives on a port."""
    command = [sys.executable, "-m", "nftui", "--store", str(store), "--listen", f"127.0.0.1:{port}", *options]
    terminal = Terminal(command, 100, 30, **more)  # type: ignore[arg-type]
    assert terminal.until(lambda: received(store) is not None), "\n".join(terminal.lines)
    return terminal


def received(store: Path) -> int | None:
    """Flows taken in, by the control socket; None while nobody answers there."""
    try:
        health = ask(socket_path(store), "health")
    except BackendError:
        return None
    return int(health["counts"].get("flows.in", 0))


def readable(store: Path) -> list[int]:
    """Numbers of the flows that `nftui dump` finds, in what is sealed and in what a killed writer left behind."""
    dump = [sys.executable, "-m", "nftui", "dump", "-r", str(store), "-q", "-o", "ndjson"]
    found = subprocess.run(
        dump, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
    ).stdout.splitlines()
    return sorted(json.loads(line)["bytes"] for line in found)


def hosts(terminal: Terminal) -> list[str]:
    """Lines of the two hosts that all flows are between."""
    return [line for line in terminal.lines if line.startswith((" 10.0.0.1", " 10.0.0.2"))]


def feed(port: int, datagrams: int, first: int = 0, pause: float = 0.0) -> int:
    """Send datagrams of numbered flows; returns how many flows."""
    for number in range(datagrams):
        send(port, v5((first + number) * RECORDS))
        time.sleep(pause)
    return datagrams * RECORDS


@pytest.mark.parametrize("ignored", [False, True], ids=["hangup ends it", "hangup ignored"])
def test_closed_terminal_leaves_the_last_slot_readable(tmp_path: Path, ignored: bool):
    port = free_port()
    with screen(tmp_path / "s", port, hangup_ignored=ignored) as terminal:
        flows = feed(port, 60)
        assert terminal.until(lambda: received(tmp_path / "s") == flows)
        closed = time.monotonic()
        terminal.hang_up()
        assert terminal.wait() == 129, terminal.last_words
        took = time.monotonic() - closed
    assert readable(tmp_path / "s") == list(range(flows))
    print(f"gone {took:.2f} s after the terminal")
    if FULL:
        assert took < 3


def test_blocked_terminal_loses_no_flow_and_shows_a_correct_screen_after(tmp_path: Path):
    port = free_port()
    store = tmp_path / "s"
    with screen(store, port) as terminal:
        feed(port, 1)
        assert terminal.until(lambda: terminal.shows("10.0.0.1"))
        sent: list[int] = []
        # Nobody reads the terminal from here on: it takes 4 KB, the writer's queue fills, the screen stands still.
        datagrams = BLOCKED_SECONDS * 100
        sender = threading.Thread(target=lambda: sent.append(feed(port, datagrams, first=1, pause=0.01)))
        sender.start()
        sender.join()
        flows = sent[0] + RECORDS
        end = time.monotonic() + PATIENCE_SECONDS
        while received(store) != flows and time.monotonic() < end:
            time.sleep(0.05)
        assert received(store) == flows
        assert ask(socket_path(store), "health")["counts"].get("kernel.dropped", 0) == 0
        assert terminal.until(lambda: terminal.shows(" 1 hosts "))
        terminal.send(b" ")  # the table stands still, so that two looks are the same
        assert terminal.until(lambda: terminal.shows("PAUSED"))
        terminal.pump(2)
        before = hosts(terminal)
        assert len(before) == 2
        place = len(terminal.received)
        terminal.send(b"\x0c")
        assert terminal.until(lambda: all(host in terminal.received[place:] for host in (b"10.0.0.1", b"10.0.0.2")))
        assert terminal.until(lambda: hosts(terminal) == before), (hosts(terminal), before)
        terminal.send(b"q")
        assert terminal.wait() == 0, terminal.last_words
    assert sorted(stored(store)) == list(range(flows))


@pytest.mark.parametrize(
    ("options", "keys"),
    [((), ()), ((), (b"z", b"[", b"z")), ((), (b"9", b"G", b"/port 443\r"))],
    ids=["rotation", "question about the past", "filter"],
)
def test_quit_at_a_bad_moment_keeps_every_flow(tmp_path: Path, options: tuple[str, ...], keys: tuple[bytes, ...]):
    port = free_port()
    store = tmp_path / "s"
    first = 0
    for _ in range(QUITS):
        with screen(store, port, *options, env={"NFTUI_STORE_ROTATE": "1"}) as terminal:
            feed(port, 30, first, pause=0.02)
            first += 30
            assert terminal.until(lambda: (received(store) or 0) >= 30 * RECORDS)
            for key in keys:
                terminal.send(key)
                terminal.pump(0.05)
            terminal.send(b"\x03")
            assert terminal.wait() == 0, terminal.last_words
            left = bytes(terminal.received).rpartition(b"\x1b[?1049l")[2]
            assert b"Traceback" not in left
    assert sorted(stored(store)) == list(range(first * RECORDS))


def test_quit_while_a_recording_plays(tmp_path: Path):
    port = free_port()
    with screen(tmp_path / "s", port) as terminal:
        flows = feed(port, 60, pause=0.01)
        assert terminal.until(lambda: received(tmp_path / "s") == flows)
        terminal.send(b"\x03")
        assert terminal.wait() == 0, terminal.last_words
    for _ in range(QUITS):
        with Terminal([sys.executable, "-m", "nftui", "--replay", str(tmp_path / "s")], 100, 30) as terminal:
            assert terminal.until(lambda terminal=terminal: terminal.shows("REPLAY"))
            terminal.send(b"\x03")
            assert terminal.wait() == 0, terminal.last_words


def attributes_of_a_new_terminal() -> list[Any]:
    master, slave = os.openpty()
    try:
        return termios.tcgetattr(master)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("ending", ["quit", "SIGTERM", "exception"])
def test_terminal_is_left_as_it_was(ending: str):
    arguments = ("--break-after", "1") if ending == "exception" else ()
    with Terminal(python("fake_app.py", *arguments), 100, 30) as terminal:
        before = attributes_of_a_new_terminal()
        assert terminal.until(lambda: b"\x1b[?1049h" in terminal.received)
        # Textual turns to the other screen first, and to raw input a moment later.
        assert terminal.until(lambda: termios.tcgetattr(terminal.master) != before)
        if ending == "quit":
            assert terminal.until(lambda: terminal.shows("10.0.1.1 "))
            terminal.send(b"q")
        elif ending == "SIGTERM":
            os.kill(terminal.pid, signal.SIGTERM)
        expected = {"quit": 0, "SIGTERM": 143, "exception": 70}[ending]
        assert terminal.wait() == expected, terminal.last_words
        assert termios.tcgetattr(terminal.master) == before
        data = bytes(terminal.received)
    for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"), (b"\x1b[?1003h", b"\x1b[?1003l"),
                    (b"\x1b[?2004h", b"\x1b[?2004l")):  # fmt: skip
        assert data.rfind(off) > data.rfind(on), (on, off)


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("TERM", "")], ids=["dumb", "none"])
def test_terminals_that_cannot_place_text_are_refused(tmp_path: Path, variable: str, value: str):
    with Terminal([sys.executable, "-m", "nftui", "--store", str(tmp_path / "s")], env={variable: value}) as terminal:
        assert terminal.wait() == 64, terminal.last_words
        assert terminal.shows("nftui collect")


def test_locale_without_unicode_gets_ascii(tmp_path: Path):
    port = free_port()
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with screen(tmp_path / "s", port, env=env) as terminal:
        feed(port, 2)
        assert terminal.until(lambda: terminal.shows("10.0.0.1"))
        for key in (b"j", b"9", b"?", b"\x1b", b"e", b"\x1b"):
            terminal.send(key)
            terminal.pump(0.3)
        terminal.send(b"\x03")
        assert terminal.wait() == 0, terminal.last_words
        assert terminal.received.isascii()
        assert b"\\u" not in terminal.received
