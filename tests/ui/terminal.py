"""A pseudo-terminal with a screen: runs a program, answers what Textual asks, counts what it sends."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import pyte

_UNKNOWN = re.compile(
    # Sequences that pyte would print instead of ignoring: keyboard protocol, mode queries, synchronised output, shape
    # of the mouse pointer.
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p|\x1b\[\?2026[hl]|\x1b\[\?2048[hl$]p?"
    rb"|\x1b\]22;[^\x07]*\x07"
)
_LONGEST = 24
_STEP_SECONDS = 0.02
_SCREEN_BEFORE = b"\x1b[?1049l"
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?<>=$]*[a-zA-Z]|\][^\x07]*\x07|.)")
_MOST_WORDS = 8000
_PATIENCE_SECONDS = 120
"""How long a busy machine may take for anything before a test calls it missing."""


class Terminal:
    """A program under a pseudo-terminal.

    Args:
        command: program and arguments.
        columns: width.
        rows: height.
        env: environment on top of a plain one.
        hangup_ignored: start the program with SIGHUP ignored, as nohup does.
    """

    def __init__(
        self,
        command: list[str],
        columns: int = 120,
        rows: int = 40,
        env: dict[str, str] | None = None,
        hangup_ignored: bool = False,
    ) -> None:
        self.display = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.display)
        self.received = bytearray()
        self.chunks: list[tuple[float, int]] = []
        self.started = time.monotonic()
        self.bytes_per_second = 0.0
        """How fast the terminal takes output; 0 for no limit."""
        self._pending = b""
        environment = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
        self._state = tempfile.TemporaryDirectory(prefix="nftui-state-")  # the session of the user is not the tests'
        environment |= {"XDG_STATE_HOME": self._state.name}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | (env or {})
        self.exit_code: int | None = None
        """Of the program, negative for a signal; None while it runs, as far as `ended` and `wait` have seen."""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            if hangup_ignored:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], command, environment)

    def pump(self, seconds: float) -> None:
        """Read for some time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._step() is not None:
            pass

    def until(self, condition: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> bool:
        """Read until something holds; whether it ever did."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            if self._step() is None:
                break
        return condition()

    def settle(self, seconds: float = 1.2) -> None:
        """Read until the program has sent nothing for so long while it slept: not while it waits for a processor."""
        end = time.monotonic() + _PATIENCE_SECONDS
        quiet = 0.0
        while quiet < seconds:
            began = time.monotonic()
            assert began < end, "it never becomes quiet"
            if (sent := self._step()) is None:
                return
            if sent:
                quiet = 0.0
            elif self._sleeps():
                quiet += min(time.monotonic() - began, 2 * _STEP_SECONDS)

    def send(self, data: bytes) -> None:
        """Press keys."""
        os.write(self.master, data)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size as a terminal emulator does."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.display.resize(rows, columns)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        return list(self.display.display)

    def shows(self, text: str) -> bool:
        """Whether some line has the text."""
        return any(text in line for line in self.lines)

    def cells(self) -> list[list[tuple[str, ...]]]:
        """Every cell with its attributes."""
        screen = self.display
        return [
            [
                (c.data, c.fg, c.bg, str(c.bold), str(c.reverse), str(c.underscore))
                for c in (screen.buffer[y][x] for x in range(screen.columns))
            ]
            for y in range(screen.lines)
        ]

    def hang_up(self) -> None:
        """The terminal window is closed."""
        os.close(self.master)
        self.master = -1

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> int | None:
        """Exit code of the program (negative for a signal), None when it still runs after that time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.ended():
                return self.exit_code
            if self.master >= 0:
                self.pump(0.05)
            else:
                time.sleep(0.02)
        return None

    def ended(self) -> bool:
        """Whether the program has ended; the rest of what it sent has been read then."""
        if self.pid:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if not pid:
                return False
            self.pid = 0
            self.exit_code = os.waitstatus_to_exitcode(status)
            if self.master >= 0:
                self.pump(1)
        return True

    @property
    def last_words(self) -> str:
        """The end of what the program sent after it gave the screen back, or while it had it, readable."""
        received = bytes(self.received)
        place = received.rfind(_SCREEN_BEFORE)
        words = received[max(place, 0) :]
        return re.sub(r"[^\x20-\x7e\n]+", "", _SEQUENCE.sub(b"", words).decode(errors="replace"))[-_MOST_WORDS:].strip()

    def close(self) -> None:
        """End the program whatever it does."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
        self._state.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _step(self) -> bool | None:
        """Read what comes within a moment; whether there was something, None at the end."""
        ready, _, _ = select.select([self.master], [], [], _STEP_SECONDS)
        return (self._read() or None) if ready else False

    def _sleeps(self) -> bool:
        """Whether no thread of the program works or waits for a processor (proc(5): the word after the name)."""
        with suppress(OSError):
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                if (task / "stat").read_text().rpartition(")")[2].split()[0] == "R":
                    return False
        return True

    def _read(self) -> bool:
        try:
            data = os.read(self.master, 1024 if self.bytes_per_second else 65536)
        except OSError:
            return False
        if not data:
            return False
        if self.bytes_per_second:
            time.sleep(len(data) / self.bytes_per_second)
        self.received += data
        self.chunks.append((time.monotonic() - self.started, len(data)))
        if b"\x1b[?2026$p" in data:
            os.write(self.master, b"\x1b[?2026;0$y")
        if b"\x1b[6n" in data:
            os.write(self.master, b"\x1b[1;1R")
        text = _UNKNOWN.sub(b"", self._pending + data)
        escape = text.rfind(b"\x1b", max(0, len(text) - _LONGEST))
        # A sequence may be cut in two by the read; what could be one waits for the rest.
        cut = escape if escape >= 0 and not re.search(rb"[a-zA-Z]", text[escape + 1 :]) else len(text)
        self._pending = text[cut:]
        self.stream.feed(text[:cut])
        return True


def python(script: str, *arguments: str) -> list[str]:
    """Command line for a script beside this file."""
    return [sys.executable, os.path.join(os.path.dirname(__file__), script), *arguments]
