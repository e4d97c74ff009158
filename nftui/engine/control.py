"""The control socket: other processes of the same user ask a collector how it is.

One line of JSON asks, `{"ask": "health"}`, one line of JSON answers, `{"health": ...}` or `{"error": "..."}`, and
the connection ends. The socket is a UNIX socket that only its owner may open (mode 0600), and the kernel says who
asks (SO_PEERCRED): the collector's user or root. With a group (mode 0660), its members may ask too, but give no orders.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nftui.errors import BackendError, ListenError, UsageError
from nftui.text import clean

REQUEST_BYTES = 64 << 10
TIMEOUT_SECONDS = 5.0
_REST_SECONDS = 0.2
_ROOT = 0
_SO_PEERGROUPS = 59
_MOST_GROUPS = 256
_ORDERS = frozenset(("allow", "refuse"))
"""What changes the collector."""
_PATH_BYTES = 107
"""Longest path of a UNIX socket on Linux, unix(7)."""

Answerers = Mapping[str, Callable[[], Any]]
"""Question to the function that answers it with a JSON value."""

Advisers = Mapping[str, Callable[[str], Any]]
"""The same for questions about something, such as an exporter: `{"ask": "losses", "of": "192.0.2.1"}`."""


def socket_path(root: Path) -> Path:
    """Where the collector of a store listens: `STORE/.control.sock`.

    A path that is too long for a socket becomes a name in the user's runtime directory, made from the store's
    path, so that a viewer finds it by the same rule.
    """
    path = root.resolve() / ".control.sock"
    if len(os.fsencode(path)) <= _PATH_BYTES:
        return path
    import platformdirs

    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(platformdirs.user_runtime_dir("nftui", appauthor=False, ensure_exists=True)) / f"control-{name}.sock"


class ControlServer:
    """Answers questions, one connection at a time.

    Args:
        path: of the socket.
        answerers: what can be asked.
        advisers: what can be asked about something.
        group: whose members may ask; empty for none.
    """

    def __init__(
        self, path: Path, answerers: Answerers, advisers: Advisers = MappingProxyType({}), group: str = ""
    ) -> None:
        self._path = path
        self._answerers = answerers
        self._advisers = advisers
        self._group = group
        self._gid: int | None = None
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Make the socket. A leftover of a dead collector is replaced: who calls this holds the store's lock.

        Raises:
            ListenError: it cannot be made there.
        """
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if self._path.is_socket():
                self._path.unlink()
            opened.bind(os.fspath(self._path))
            if self._group:
                self._gid = _group_id(self._group)
                os.chown(self._path, -1, self._gid)
            self._path.chmod(0o600 if self._gid is None else 0o660)  # before listen: until then nobody can connect
            opened.listen(8)
        except OSError as error:
            if opened.getsockname():
                self._path.unlink()
            opened.close()
            raise ListenError(f"cannot make the control socket {self._path}: {error.strerror or error}") from error
        opened.settimeout(0.2)
        self._socket = opened

    def run(self, stopping: threading.Event) -> None:
        """Body of the control thread."""
        while self._socket is not None and not stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:  # closed, or for now there are no more descriptors
                stopping.wait(_REST_SECONDS)
                continue
            with connection, suppress(OSError):
                connection.settimeout(TIMEOUT_SECONDS)
                connection.sendall(json.dumps(self._answer(connection)).encode() + b"\n")

    def close(self) -> None:
        """Remove the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            with suppress(OSError):
                self._path.unlink()

    def _answer(self, connection: socket.socket) -> dict[str, Any]:
        line = _read_line(connection, REQUEST_BYTES)
        _, user, group = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user in {_ROOT, os.getuid()}:
            return answer_to(line, self._answerers, self._advisers)
        if self._gid is None or self._gid not in {group, *_peer_groups(connection)}:
            return {"error": "only the user of the collector and root may ask"}
        questions = {name: adviser for name, adviser in self._advisers.items() if name not in _ORDERS}
        return answer_to(line, self._answerers, questions)


def _group_id(name: str) -> int:
    """Number of a group. Raises OSError if there is none."""
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise OSError(errno.EINVAL, f"there is no group {name!r}") from None


def _peer_groups(connection: socket.socket) -> tuple[int, ...]:
    """Further groups of the process on the other side; none where the kernel does not tell."""
    with suppress(OSError):
        raw = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
        return struct.unpack(f"{len(raw) // 4}I", raw)
    return ()


def answer_to(line: bytes | None, answerers: Answerers, advisers: Advisers = MappingProxyType({})) -> dict[str, Any]:
    """What a request is answered with.

    Args:
        line: the request, anything at all; None for one without an end.
        answerers: what can be asked.
        advisers: what can be asked about something.
    """
    if line is None:
        return {"error": f"a request is one line of at most {REQUEST_BYTES} bytes"}
    try:
        request = json.loads(line)
        question = request["ask"]
        if question in advisers:
            return {question: advisers[question](str(request.get("of", "")))}
        answerer = answerers[question]
    except UsageError as error:
        return {"error": str(error)}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {"error": f'unknown request; known are {{"ask": NAME}} with {", ".join((*answerers, *advisers))}'}
    return {question: answerer()}


def ask(path: Path, question: str, timeout: float = TIMEOUT_SECONDS, of: str | None = None) -> Any:
    """Ask the collector that listens at `path`.

    Raises:
        BackendError: no collector there, no answer in time, or it refused.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(os.fspath(path))
            request = {"ask": question} if of is None else {"ask": question, "of": of}
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _read_line(connection, 64 << 20)
    except OSError as error:
        raise BackendError(f"no collector answers at {path}: {error.strerror or error}") from error
    try:
        return read_answer(line or b"", question)
    except BackendError as error:
        raise BackendError(f"collector at {path}: {error}") from error


def read_answer(line: bytes, question: str) -> Any:
    """The answer to a question in a line from a collector.

    Raises:
        BackendError: it refuses, or the line is no answer.
    """
    try:
        answer = json.loads(line)
        if "error" in answer:
            raise BackendError(clean(str(answer["error"])))
        return answer[question]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BackendError("its answer is not understood") from error


def _read_line(connection: socket.socket, limit: int) -> bytes | None:
    """Bytes up to the newline; None when there is none within the limit and the connection's timeout."""
    data = bytearray()
    deadline = time.monotonic() + (connection.gettimeout() or TIMEOUT_SECONDS)
    while b"\n" not in data:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(65_536)
        data += part
        if not part or len(data) > limit:
            return None
    return bytes(data.partition(b"\n")[0])
