"""IPFIX over TCP (RFC 7011 section 10.4): connections, and the messages in their bytes.

The length in a message's header is the only framing. A connection is a transport session: its templates live as long
as it does. Nothing is dropped: while the store is behind or an exporter is over its rate, its bytes stay in the kernel,
and TCP makes the exporter wait.

Whoever may connect could hold connections or send a byte a minute, so both are bounded: the number of connections, the
time for a message, and the time without any.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

from nftui import text
from nftui.engine.clock import Clock
from nftui.engine.counters import Counts
from nftui.engine.decode.datagrams import DatagramBlock, block_of
from nftui.engine.ingest.allow import AllowList
from nftui.engine.ingest.rate_limit import RateLimiter
from nftui.engine.ingest.udp import ANY_IPV4, Endpoint
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits
from nftui.errors import ListenError
from nftui.text import V4_PREFIX

_HEADER = struct.Struct(">HH")
_IPFIX, _HEADER_BYTES = 10, 16
_READ_BYTES = 256 << 10
"""Taken from one connection in a round, so that a fast one does not starve the others."""
_IDLE_SECONDS = 0.2
_GATHER_SECONDS = 0.05
_DRAIN_SECONDS = 1.0
_BACKLOG = 64


class Sink(Protocol):
    """Where messages go."""

    def has_room(self) -> bool:
        """Whether flows can be taken now."""
        ...

    def session(self, address: int, port: int, stream: bool = False) -> int:
        """Number of a transport session."""
        ...

    def feed(self, block: DatagramBlock) -> None:
        """Take messages."""
        ...

    def end(self, session: int) -> None:
        """Forget a session."""
        ...


@dataclass(slots=True)
class Connection:
    """One exporter's connection.

    Attributes:
        address: peer, 128 bits, IPv4 mapped.
        port: its TCP port.
        session: of the decoder.
        waiting: bytes of a message that is not complete.
        since: monotonic time of the beginning: of the message that is not complete, else of the last one, else of
            the connection.
        established: whether a whole message came.
    """

    socket: socket.socket
    address: int
    port: int
    session: int
    since: float
    waiting: bytearray = field(default_factory=bytearray)
    established: bool = False


class StreamReceiver:
    """Accepts connections and hands on their messages. For one thread, except `labels`.

    Args:
        endpoints: where to listen.
        allow: who may connect.
        limiter: messages per second and address; who is over it is not read for a while.
        ledger: gets the counts of connections.
        clock: time of reception.
        limits: bounds.

    Raises:
        ListenError: a port cannot be opened; nothing is left open.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        allow: AllowList,
        limiter: RateLimiter,
        ledger: Ledger,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._allow = allow
        self._limiter = limiter
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._listening: list[socket.socket] = []
        self.labels: list[str] = []
        try:
            for endpoint in endpoints:
                opened = _listen(endpoint)
                self._listening.append(opened)
                self._selector.register(opened, selectors.EVENT_READ)
                self.labels.append(_label(opened))
        except OSError as error:
            self.close()
            raise ListenError(f"cannot listen on {endpoint.label}: {error.strerror or error}") from error

    def run(self, stopping: threading.Event, sink: Sink) -> None:
        """Body of the thread. When asked to stop it takes what the kernel still holds of the connections."""
        while not stopping.is_set():
            ready = self._selector.select(_IDLE_SECONDS)
            if sink.has_room():
                taken = self._round([key.fd for key, _ in ready], sink)
                self._expire(sink)
            else:
                taken = 0
                self._forgive(self._connections.values())
            if ready and taken < _READ_BYTES:
                stopping.wait(_GATHER_SECONDS)  # larger rounds cost less
        deadline = self._clock.monotonic() + _DRAIN_SECONDS
        while self._round(list(self._connections), sink) and self._clock.monotonic() < deadline:
            pass
        for connection in list(self._connections.values()):
            self._end(connection, "closed", sink)

    def close(self) -> None:
        """Give ports and connections back."""
        for opened in [*self._listening, *(one.socket for one in self._connections.values())]:
            opened.close()
        self._listening.clear()
        self._connections.clear()
        self._selector.close()

    def _round(self, ready: list[int], sink: Sink) -> int:
        """Accept and read what is ready; the bytes taken."""
        payloads: list[bytes] = []
        sessions: list[int] = []
        ended: list[tuple[Connection, str]] = []
        taken = 0
        for opened in self._listening:
            if opened.fileno() in ready:
                self._accept(opened, sink)
        for number in ready:
            connection = self._connections.get(number)
            if connection is None:
                continue
            if not self._limiter.take(connection.address, 1):
                self._forgive([connection])
                continue
            if not connection.waiting:
                connection.since = self._clock.monotonic()
            size, why = self._read(connection)
            taken += size
            messages, broken = split_messages(connection.waiting)
            if messages:
                connection.established = True
                self._limiter.take(connection.address, len(messages) - 1)
                payloads += messages
                sessions += [connection.session] * len(messages)
            if broken or why:
                cut = why == "closed" and connection.waiting
                ended.append((connection, "framing" if broken else "truncated" if cut else why))
        if payloads:
            sink.feed(block_of(payloads, sessions, self._clock.now_ms()))
        for connection, why in ended:  # after its last messages were decoded
            self._end(connection, why, sink)
        return taken

    def _read(self, connection: Connection) -> tuple[int, str]:
        """Bytes taken, and why the connection has ended, empty if it has not."""
        taken = 0
        while taken < _READ_BYTES:
            try:
                part = connection.socket.recv(_READ_BYTES - taken)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                return taken, "error"
            if not part:
                return taken, "closed"
            connection.waiting += part
            taken += len(part)
        return taken, ""

    def _accept(self, listening: socket.socket, sink: Sink) -> None:
        for _ in range(_BACKLOG):
            try:
                opened, name = listening.accept()
            except OSError:
                return
            address = _address(str(name[0]))
            refused = "not_allowed" if not self._allow.permits(address) else ""
            if not refused and len(self._connections) >= self._limits.connections:
                refused = "limit"
            mine = sum(1 for one in self._connections.values() if one.address == address)
            if not refused and mine >= self._limits.connections_per_exporter:
                refused = "limit"
            if refused:
                if refused == "not_allowed":
                    self._allow.refuse(address, 1, self._clock.now_ms())
                self._ledger.commit({f"connections.refused.{refused}": 1})
                opened.close()
                continue
            opened.setblocking(False)
            session = sink.session(address, int(name[1]), stream=True)
            connection = Connection(opened, address, int(name[1]), session, self._clock.monotonic())
            self._connections[opened.fileno()] = connection
            self._selector.register(opened, selectors.EVENT_READ)
            self._ledger.commit({"connections.opened": 1})

    def _expire(self, sink: Sink) -> None:
        """End connections that keep us waiting: for a first or the rest of a message, or for any at all."""
        now = self._clock.monotonic()
        for connection in list(self._connections.values()):
            waits = connection.waiting or not connection.established
            allowed = self._limits.message_seconds if waits else self._limits.connection_idle_seconds
            if now - connection.since > allowed:
                self._end(connection, "stalled" if waits else "idle", sink)

    def _forgive(self, connections: Iterable[Connection]) -> None:
        """Begin to wait anew for those that we have not read."""
        now = self._clock.monotonic()
        for connection in connections:
            connection.since = now

    def _end(self, connection: Connection, why: str, sink: Sink) -> None:
        number = connection.socket.fileno()
        self._selector.unregister(connection.socket)
        del self._connections[number]
        counts: Counts = {f"connections.ended.{why}": 1}
        self._ledger.commit(counts, {text.address(connection.address): counts})
        sink.end(connection.session)
        connection.socket.close()  # last: who sees the end finds it counted


def split_messages(data: bytearray) -> tuple[list[bytes], bool]:
    """Whole messages at the front of `data`, which are taken out, and whether no message can follow."""
    messages: list[bytes] = []
    position, broken = 0, False
    while len(data) - position >= _HEADER.size:
        version, length = _HEADER.unpack_from(data, position)
        broken = version != _IPFIX or length < _HEADER_BYTES
        if broken or len(data) - position < length:
            break
        messages.append(bytes(data[position : position + length]))
        position += length
    del data[:position]
    return messages, broken


def _listen(endpoint: Endpoint) -> socket.socket:
    host = endpoint.host
    family = socket.AF_INET6 if (not host and socket.has_ipv6) or ":" in host else socket.AF_INET
    if host and ":" not in host:
        family = socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM)[0][0]
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(host)))
        opened.bind((host or ("::" if family == socket.AF_INET6 else ANY_IPV4), endpoint.port))
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _label(opened: socket.socket) -> str:
    with suppress(OSError):
        host, port, *_ = opened.getsockname()
        return Endpoint(str(host), int(port), stream=True).label
    return ""


def _address(host: str) -> int:
    found = ip_address(host.partition("%")[0])
    return int(found) if found.version == 6 else V4_PREFIX | int(found)
