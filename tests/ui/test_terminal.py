"""The application under a pseudo-terminal: what it sends, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from terminal import Terminal, python

KEYS = (b"jj", b"\x1b[B", b"l2", b"sS", b"nt", b"3", b"?", b"\x1b", b"9", b"j\r", b"jG")
NO_COLOR = re.compile(rb"\x1b\[([0-9;]*)m")


def ready(terminal: Terminal) -> None:
    assert terminal.until(lambda: terminal.shows("10.0.1.1 ")), "\n".join(terminal.lines)


def play(*arguments: str, keys: tuple[bytes, ...] = KEYS, env: dict[str, str] | None = None):
    """Cells after a fixed journey, and everything that was sent."""
    with Terminal(python("fake_app.py", *arguments), env=env) as terminal:
        ready(terminal)
        terminal.settle()
        for key in keys:
            terminal.send(key)
            terminal.settle(0.6)
        return terminal.cells(), bytes(terminal.received), terminal.lines


def test_difference_and_full_repaint_leave_the_same_cells():
    diffed, little, lines = play("--ticks", "8")
    full, much, _ = play("--ticks", "8", "--no-diff")
    wrong = [(y, x) for y, row in enumerate(full) for x, cell in enumerate(row) if diffed[y][x] != cell]
    assert wrong == []
    assert any("Quality" in line for line in lines)
    assert len(little) < len(much) / 2


def test_busy_refresh_stays_below_5000_bytes():
    with Terminal(python("fake_app.py", "--ticks", "12", "--rate", "2000")) as terminal:
        ready(terminal)
        terminal.settle()
    # Writes of one refresh follow each other at once; refreshes are at least a quarter of a second apart.
    refreshes: list[int] = []
    last = -1.0
    for at, size in terminal.chunks:
        if at - last > 0.15:
            refreshes.append(0)
        refreshes[-1] += size
        last = at
    busy = sorted(refreshes)[1:-1]  # the first frame is the largest
    assert len(busy) >= 8
    assert max(busy[:-1]) < 5000


def test_idle_screen_sends_nothing():
    with Terminal(python("fake_app.py")) as terminal:
        ready(terminal)
        terminal.settle()
        before = len(terminal.received)
        terminal.pump(3)
        assert len(terminal.received) - before < 200


def test_hostile_strings_send_no_control_characters():
    with Terminal(python("fake_app.py", "--hostile")) as terminal:
        assert terminal.until(lambda: terminal.shows("PWNED")), "\n".join(terminal.lines)
        for key in (b"9", b"j", b"\r", b"G", b"e"):
            terminal.send(key)
            terminal.settle(0.5)
        data = bytes(terminal.received)
        title = terminal.display.title
    data = data.replace(b"\x1b]22;default\x07", b"")  # Textual sets the shape of the mouse pointer
    assert b"\x1b]" not in data
    assert b"\x07" not in data
    assert b"\x1b[2J\xc2" not in data
    assert "\x9b" not in data.decode("utf-8", "replace")
    assert "\u202e" not in data.decode("utf-8", "replace")
    # Whatever begins with ESC is a sequence that the program itself sends.
    known = re.compile(rb"\x1b(\[[0-9;?<>=$]*[A-Za-z]|\[\?[0-9;]*\$p|\([B0]|[78=>])")
    assert known.sub(b"", data).count(b"\x1b") == 0
    assert title == ""


def test_no_color_sends_no_colour():
    cells, data, lines = play(keys=(b"j", b"j"), env={"NO_COLOR": "1"})
    for match in NO_COLOR.finditer(data):
        codes = [int(code) for code in match.group(1).split(b";") if code]
        assert not [code for code in codes if 30 <= code <= 38 or 40 <= code <= 48 or code >= 90], match.group(0)
    cursor = next(row for row, line in zip(cells, lines, strict=True) if line.startswith(" 10.0.1.2 "))
    assert cursor[1][4] == "True"  # reverse marks the row under the cursor


@pytest.mark.parametrize("hangup_ignored", [False, True])
def test_closed_terminal_stores_and_ends(tmp_path: Path, hangup_ignored: bool):
    flushed = tmp_path / "flushed"
    terminal = Terminal(python("fake_app.py", "--flush", str(flushed)), hangup_ignored=hangup_ignored)
    with terminal:
        ready(terminal)
        terminal.hang_up()
        code = terminal.wait()
    assert code == 129
    assert flushed.read_text() == "flushed"


def test_closed_terminal_leaves_nothing_of_a_demo(tmp_path: Path):
    command = [sys.executable, "-m", "nftui", "demo"]
    with Terminal(command, env={"TMPDIR": str(tmp_path)}) as terminal:
        assert terminal.until(lambda: terminal.shows("10.10.")), "\n".join(terminal.lines)
        # The other one is for what questions spill.
        assert {path.name[:11] for path in tmp_path.iterdir()} <= {"nftui-demo-", f"nftui-{os.getuid()}"}
        terminal.hang_up()
        assert terminal.wait() == 129, terminal.last_words
    assert list(tmp_path.iterdir()) == []


def test_sigterm_stores_and_restores_the_terminal(tmp_path: Path):
    flushed = tmp_path / "flushed"
    with Terminal(python("fake_app.py", "--flush", str(flushed))) as terminal:
        ready(terminal)
        os.kill(terminal.pid, signal.SIGTERM)
        code = terminal.wait()
        data = bytes(terminal.received)
    assert code == 143
    assert flushed.read_text() == "flushed"
    assert data.rfind(b"\x1b[?1049l") > data.rfind(b"\x1b[?1049h")
    assert b"\x1b[?25h" in data[data.rfind(b"\x1b[?1049l") :]


def test_sigterm_ends_a_program_whose_terminal_is_not_read(tmp_path: Path):
    flushed = tmp_path / "flushed"
    with Terminal(python("fake_app.py", "--ticks", "100000", "--flush", str(flushed))) as terminal:
        ready(terminal)
        time.sleep(4)  # nobody reads: output fills the pseudo-terminal
        os.kill(terminal.pid, signal.SIGTERM)
        end = time.monotonic() + 120
        status = 0
        while time.monotonic() < end:
            pid, status = os.waitpid(terminal.pid, os.WNOHANG)
            if pid:
                terminal.pid = 0
                break
            time.sleep(0.05)
        assert terminal.pid == 0
    assert os.waitstatus_to_exitcode(status) == 143
    assert flushed.read_text() == "flushed"


def test_exception_ends_with_70_restores_the_terminal_and_shows_no_values(tmp_path: Path):
    flushed = tmp_path / "flushed"
    with Terminal(python("fake_app.py", "--break-after", "1", "--flush", str(flushed))) as terminal:
        assert terminal.wait() == 70, terminal.last_words
        left = bytes(terminal.received).rpartition(b"\x1b[?1049l")[2]
    assert b"the screen failed: KeyError" in left
    assert b"locals" not in left
    assert flushed.read_text() == "flushed"


def test_quit_key_ends_with_0_and_leaves_the_shell_as_it_was():
    with Terminal(python("fake_app.py")) as terminal:
        ready(terminal)
        terminal.send(b"q")
        assert terminal.wait() == 0, terminal.last_words
        assert b"\x1b[?1049l" in terminal.received


def test_size_changes_in_a_terminal():
    with Terminal(python("fake_app.py", "--ticks", "4")) as terminal:
        ready(terminal)
        for columns, rows in ((20, 4), (1, 1), (300, 100), (33, 70), (80, 24)):
            terminal.resize(columns, rows)
            terminal.pump(0.3)
        terminal.settle()
        assert terminal.lines[0].startswith("  1 hosts  2 pairs")
        assert terminal.lines[23].startswith(" / filter")
        assert sum(line.startswith((" 10.0.1.", " 198.51.")) for line in terminal.lines) >= 12


def test_redraw_key_repairs_a_disturbed_screen():
    with Terminal(python("fake_app.py")) as terminal:
        ready(terminal)
        terminal.settle()
        before = terminal.cells()
        terminal.stream.feed(b"\x1b[10;10Hsomebody else wrote here")
        assert terminal.cells() != before
        terminal.send(b"\x0c")
        terminal.settle()
        assert terminal.cells() == before


def test_keys_typed_faster_than_the_filter_line_opens_are_its_text():
    with Terminal(python("fake_app.py")) as terminal:
        ready(terminal)
        terminal.send(b"/bytes > 70 and not port 1\r")
        assert terminal.until(lambda: terminal.shows("filter  bytes > 70 and not port 1 ")), "\n".join(terminal.lines)
        assert not terminal.shows("PAUSED")
