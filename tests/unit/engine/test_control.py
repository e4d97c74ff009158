"""The control socket: answers its owner, refuses the rest, survives nonsense."""

import os
import socket
import stat
import struct
import threading

import pytest

from nftui.engine import control
from nftui.engine.control import ControlServer, ask, socket_path
from nftui.errors import BackendError, ListenError


@pytest.fixture
def server(tmp_path):
    path = tmp_path / "c.sock"
    made = ControlServer(path, {"health": lambda: {"flows": 3}, "exporters": lambda: ["é", None]})
    made.open()
    stopping = threading.Event()
    thread = threading.Thread(target=made.run, args=(stopping,))
    thread.start()
    yield path
    stopping.set()
    thread.join(120)
    made.close()
    assert not path.exists()


def exchange(path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(120)
        connection.connect(str(path))
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(4096):
            answer += part
        return answer


def test_questions_are_answered(server):
    assert ask(server, "health") == {"flows": 3}
    assert ask(server, "exporters") == ["é", None]


def test_only_the_owner_may_open_it(server):
    assert stat.S_IMODE(os.stat(server).st_mode) == 0o600


@pytest.mark.parametrize(
    "request_", [b"\n", b"{}\n", b"[1]\n", b'{"ask": []}\n', b'{"ask": "x"}\n', b"\xff\n", b"[" * 60_000 + b"\n"]
)
def test_nonsense_gets_an_error_and_the_server_lives(server, request_):
    assert exchange(server, request_).startswith(b'{"error": "unknown request; known are')
    assert ask(server, "health") == {"flows": 3}


def test_requests_without_end_are_cut(server):
    assert b"one line of at most 65536 bytes" in exchange(server, b"x")
    assert b"one line of at most 65536 bytes" in exchange(server, b"x" * (control.REQUEST_BYTES + 1))
    assert ask(server, "health") == {"flows": 3}


def test_a_silent_client_does_not_hold_the_server(server, monkeypatch):
    monkeypatch.setattr(control, "TIMEOUT_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.connect(str(server))
        assert ask(server, "health", timeout=120) == {"flows": 3}


def test_other_users_are_refused(server, monkeypatch):
    real = socket.socket.getsockopt

    def _other(self, level, option, *size):
        if option == socket.SO_PEERCRED:
            return struct.pack("3i", 1, os.getuid() + 1, 1)
        return real(self, level, option, *size)

    monkeypatch.setattr(socket.socket, "getsockopt", _other)
    with pytest.raises(BackendError, match="only the user of the collector and root may ask"):
        ask(server, "health")


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A server for a group, asked by another user; the groups of who asks are to be filled in."""
    monkeypatch.setattr(control, "_group_id", {"watchers": os.getgid()}.__getitem__)
    path = tmp_path / "g.sock"
    made = ControlServer(path, {"health": lambda: 1}, {"losses": lambda of: [of], "allow": lambda of: of}, "watchers")
    made.open()
    stopping = threading.Event()
    thread = threading.Thread(target=made.run, args=(stopping,))
    thread.start()
    groups = []
    monkeypatch.setattr(control, "_peer_groups", lambda _: tuple(groups))
    monkeypatch.setattr(control.os, "getuid", lambda: 4321)
    monkeypatch.setattr(control, "_ROOT", 4322)
    monkeypatch.setattr(made, "_gid", 70_000)
    yield path, groups
    stopping.set()
    thread.join(120)
    made.close()


def test_a_group_may_ask_but_not_order(shared):
    path, groups = shared
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    with pytest.raises(BackendError, match="only the user of the collector"):
        ask(path, "health")
    groups += [5, 70_000]
    assert ask(path, "health") == 1
    assert ask(path, "losses", of="x") == ["x"]
    with pytest.raises(BackendError, match=r"with health, losses$"):
        ask(path, "allow", of="10.0.0.0/8")


def test_a_group_that_is_none(tmp_path):
    with pytest.raises(ListenError, match="there is no group 'no-such-group'"):
        ControlServer(tmp_path / "x.sock", {}, group="no-such-group").open()
    assert not (tmp_path / "x.sock").exists()


def test_groups_of_the_other_side_are_those_of_its_process():
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert set(control._peer_groups(ours)) == set(os.getgroups())


def test_unknown_question_is_an_error_of_the_caller(server):
    with pytest.raises(BackendError, match="unknown request"):
        ask(server, "weather")


def test_nobody_there(tmp_path):
    with pytest.raises(BackendError, match="no collector answers at"):
        ask(tmp_path / "absent", "health")


def test_leftover_socket_is_replaced_but_a_file_is_not(tmp_path):
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    server = ControlServer(path, {})
    server.open()
    server.close()
    path.write_text("precious")
    with pytest.raises(ListenError, match="cannot make the control socket"):
        ControlServer(path, {}).open()
    assert path.read_text() == "precious"


def test_long_paths_move_to_the_runtime_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert socket_path(tmp_path) == tmp_path / ".control.sock"
    deep = tmp_path / ("d" * 120)
    found = socket_path(deep)
    assert found.parent == tmp_path / "nftui"
    assert found == socket_path(deep)
    assert found != socket_path(tmp_path / ("e" * 120))
