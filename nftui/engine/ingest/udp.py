"""UDP sockets for reception: addresses, dual stack, and as much kernel buffer as the system grants."""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from nftui.engine.ingest.proc_net import DropCounter, holder
from nftui.errors import ListenError, UsageError

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - routers are elsewhere; the allow-list decides who is believed
"""The host that stands for every address where IPv6 is switched off."""
SO_RCVBUFFORCE = 33
"""Linux, socket(7): a receive buffer above net.core.rmem_max, for who has CAP_NET_ADMIN."""
SO_RXQ_OVFL = 40
"""Linux, socket(7): the count of dropped datagrams comes along with the next one."""


TCP, _UDP = "tcp://", "udp://"
_MREQN = struct.Struct("=4s4si")
"""struct ip_mreqn of Linux: group, local address, interface."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen. An empty host is every address of this machine, IPv4 and IPv6; `stream` is TCP."""

    host: str
    port: int
    stream: bool = False

    @property
    def label(self) -> str:
        """The address as users write it."""
        host = self.host or "::"
        place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        return f"{TCP}{place}" if self.stream else place


def parse_endpoint(text: str, bind: str = "") -> Endpoint:
    """Read `PORT`, `:PORT`, `HOST:PORT` or `[IPV6]:PORT`, with `udp://` or `tcp://` in front or nothing.

    A host may be a multicast group, with the interface to join it on: `239.1.2.3%eth0`, `[ff15::1%eth0]`.

    Args:
        text: what the user wrote.
        bind: host for an address without one.

    Raises:
        UsageError: not of that form, or the port is not 1 to 65535.
    """
    stream = text.strip().startswith(TCP)
    text = text.strip().removeprefix(TCP).removeprefix(_UDP)
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError(f"{text}: write an IPv6 address in brackets, [{host}]:{port}")
    if not port.isdecimal() or not 0 < int(port) < 65_536 or (colon and text.startswith("[]")):
        raise UsageError(f"{text}: expected [HOST]:PORT with a port from 1 to 65535")
    host = host or bind
    return Endpoint("" if host in {"::", "*"} else host, int(port), stream)


@dataclass(slots=True)
class Listener:
    """An open socket.

    Attributes:
        socket: non-blocking, bound.
        label: where it listens, `[::]:2055`.
        buffer_bytes: kernel buffer granted.
        warning: advice in words when the buffer is smaller than asked for, or None.
        drops: the kernel's drop counter of this socket.
    """

    socket: socket.socket
    label: str
    buffer_bytes: int
    warning: str | None = None
    drops: DropCounter = field(default_factory=DropCounter)

    @property
    def inode(self) -> int:
        """Key of the socket in /proc/net/udp."""
        return os.fstat(self.socket.fileno()).st_ino

    def shut(self) -> None:
        """Take nothing new, but keep what the kernel holds: a connected UDP socket hears its peer only, here itself."""
        host, port, *scope = self.socket.getsockname()
        own = {"::": "::1", ANY_IPV4: "127.0.0.1"}.get(host, host)
        with suppress(OSError):
            self.socket.connect((own, port, *scope))

    def close(self) -> None:
        """Give the port back."""
        self.socket.close()


def listen(endpoint: Endpoint, buffer_bytes: int) -> Listener:
    """Open a socket for an endpoint; without a host one socket takes IPv4 and IPv6.

    Raises:
        ListenError: one line with the address and the reason; for a port in use, who holds it if that can be seen.
    """
    try:
        opened, label = _open_any(endpoint.port) if not endpoint.host else _open_host(endpoint)
    except OSError as error:
        raise ListenError(f"cannot listen on {endpoint.label}: {_reason(error, endpoint)}") from error
    granted = _grow_buffer(opened, buffer_bytes)
    if sys.platform == "linux":
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    opened.setblocking(False)
    return Listener(opened, label, granted, _buffer_warning(label, granted, buffer_bytes))


def _open_any(port: int) -> tuple[socket.socket, str]:
    if socket.has_ipv6:
        try:
            opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        except OSError:
            return _open_host(Endpoint(ANY_IPV4, port))
        try:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            opened.bind(("::", port))
        except OSError as error:
            opened.close()
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                raise
        else:
            return opened, f"[::]:{port}"
    return _open_host(Endpoint(ANY_IPV4, port))


def _open_host(endpoint: Endpoint) -> tuple[socket.socket, str]:
    host, _, interface = endpoint.host.partition("%")
    if _is_group(host):
        return _open_group(host, interface, endpoint.port), endpoint.label
    found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, name = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.bind(name)
    except OSError:
        opened.close()
        raise
    return opened, endpoint.label


def _is_group(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_multicast
    return False


def _open_group(host: str, interface: str, port: int) -> socket.socket:
    """A member of a multicast group, on an interface or on the one that the routes name."""
    group = ip_address(host)
    index = socket.if_nametoindex(interface) if interface else 0
    opened = socket.socket(socket.AF_INET if group.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others may listen to the group too
        if group.version == 4:
            opened.bind((host, port))
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _MREQN.pack(group.packed, bytes(4), index))
        else:
            opened.bind((host, port, 0, index))
            member = group.packed + struct.pack("=I", index)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
    except OSError:
        opened.close()
        raise
    return opened


def _reason(error: OSError, endpoint: Endpoint) -> str:
    if error.errno == errno.EADDRINUSE:
        who = holder(endpoint.port)
        return f"the port is in use by {who}" if who else "the port is in use by another program"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"no permission for port {endpoint.port}; ports from 1024 up need none"
    if error.errno == errno.ENODEV:
        return "no route to this multicast group; name the interface, as in 239.1.2.3%eth0"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{endpoint.host} is not an address of this machine"
    if isinstance(error, socket.gaierror):
        return f"the host name {endpoint.host} has no address"
    return error.strerror or str(error)


def _grow_buffer(opened: socket.socket, wanted: int) -> int:
    """Ask for a buffer and return what was granted; Linux reports twice that, to pay for its own bookkeeping."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
    except OSError:
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    granted = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    return granted // 2 if sys.platform == "linux" else granted


def _buffer_warning(label: str, granted: int, wanted: int) -> str | None:
    if granted >= wanted:
        return None
    return (
        f"{label}: the system grants a receive buffer of {granted >> 10} KiB instead of {wanted >> 10} KiB; "
        f"bursts may be lost: sysctl net.core.rmem_max={wanted}"
    )
