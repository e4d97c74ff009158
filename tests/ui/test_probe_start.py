"""`nftui --probe` from outside: rights, and what stands on the terminal."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from terminal import Terminal

UNPRIVILEGED = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--securebits=+noroot")


def command(store: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "nftui", "--store", str(store), "--no-listen", *arguments]


def may_capture() -> bool:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except (AttributeError, PermissionError):
        return False
    return True


def test_without_the_right_it_ends_with_77_and_the_command_that_gives_it(tmp_path: Path):
    root = os.geteuid() == 0
    if root and shutil.which("setpriv") is None:
        pytest.skip("setpriv is missing")
    without = UNPRIVILEGED if root else ()
    if not root and may_capture():
        pytest.skip("this user may capture")
    with Terminal([*without, *command(tmp_path / "s", "--probe", "lo")], 200, 30) as terminal:
        assert terminal.wait() == 77, terminal.last_words
        said = "".join(terminal.lines)
        assert f"sudo setcap cap_net_raw+ep {os.path.realpath(sys.executable)}" in said
        assert b"\x1b[?1049h" not in terminal.received
    assert not (tmp_path / "s").exists()


def test_an_unknown_interface_is_named_before_the_screen_opens(tmp_path: Path):
    with Terminal(command(tmp_path / "s", "--probe", "lo", "--probe", "no-such0"), 200, 30) as terminal:
        assert terminal.wait() == (2 if may_capture() else 77), terminal.last_words
        if may_capture():
            assert "no interface no-such0" in "".join(terminal.lines)
        assert b"\x1b[?1049h" not in terminal.received


def test_figures_of_the_interface_are_on_the_screen_and_all_rights_are_gone(tmp_path: Path):
    if not may_capture():
        pytest.skip("capturing on lo needs CAP_NET_RAW")
    with Terminal(command(tmp_path / "s", "--probe", "lo"), 120, 40) as terminal:
        assert terminal.until(lambda: terminal.shows("Press P") or terminal.shows("127.0.0.1"))
        status = Path(f"/proc/{terminal.pid}/status").read_text()
        assert int(status.partition("CapPrm:")[2].split()[0], 16) == 0
        terminal.send(b"P")
        assert terminal.until(lambda: any(line.split()[:2] == ["lo", "capturing"] for line in terminal.lines))
        terminal.send(b"qq")
        assert terminal.wait() == 0, terminal.last_words
