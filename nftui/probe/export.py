"""Flow records to collectors over UDP."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address

from nftui.engine.batch import FlowBatch
from nftui.engine.encode.datagrams import Datagrams
from nftui.engine.encode.ipfix import IpfixEncoder
from nftui.engine.encode.netflow5 import MAX_SAMPLING, NetFlow5Encoder
from nftui.engine.encode.netflow9 import NetFlow9Encoder
from nftui.errors import ListenError, UsageError
from nftui.probe.statistics import ExportStatistics

VERSIONS = (5, 9, 10)
MAX_TARGETS = 16
"""softflowd's bound."""

_SEND_BUFFER = 4 << 20
_BURST, _REST_SECONDS = 32, 0.0005
"""64 000 datagrams, or two million records, a second at most."""
_SO_BINDTODEVICE = 25


Encoder = NetFlow5Encoder | NetFlow9Encoder | IpfixEncoder


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """Where flows go and how.

    Attributes:
        targets: host and port of each collector.
        version: 5, 9 or 10 (IPFIX).
        balance: each target gets a share instead of a copy.
        hop_limit: TTL or hop limit of the datagrams; None for the system's.
        source: address to send from, or name of the interface to send through.
        sampling: announced sampling, 1 in n packets.
        refresh_datagrams, refresh_seconds: templates are sent again after so many datagrams or seconds.
        domain: observation domain or source id.
        paced: rest between bursts. A capture file is metered faster than a collector with a small buffer can read.
    """

    targets: tuple[tuple[str, int], ...]
    version: int = 10
    balance: bool = False
    hop_limit: int | None = None
    source: str = ""
    sampling: int = 1
    refresh_datagrams: int = 64
    refresh_seconds: int = 60
    domain: int = 0
    paced: bool = False

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise UsageError(f"export version {self.version}: expected 5, 9 or 10")
        if not 1 <= len(self.targets) <= MAX_TARGETS:
            raise UsageError(f"1 to {MAX_TARGETS} collectors can be sent to")
        if self.version == 5 and self.sampling > MAX_SAMPLING:
            raise UsageError(f"NetFlow v5 can announce a sampling rate of at most {MAX_SAMPLING}")
        if self.hop_limit is not None and not 0 <= self.hop_limit <= 255:
            raise UsageError("the hop limit must be between 0 and 255")


def parse_targets(text: str) -> tuple[tuple[str, int], ...]:
    """Hosts and ports of `host:port[,host:port...]`, IPv6 addresses in brackets. Raises UsageError."""
    targets = []
    for part in text.split(","):
        host, colon, port = part.strip().rpartition(":")
        bare = host.startswith("[") and host.endswith("]")
        if not colon or not host or (":" in host and not bare):
            raise UsageError(f"collector {part!r}: expected HOST:PORT, IPv6 addresses as [ADDRESS]:PORT")
        try:
            number = int(port) if port.isdecimal() else socket.getservbyname(port, "udp")
        except (OSError, ValueError) as error:
            raise UsageError(f"collector {part!r}: no port {port!r}") from error
        if not 0 < number < 65_536:
            raise UsageError(f"collector {part!r}: no port {port!r}")
        targets.append((host[1:-1] if bare else host, number))
    return tuple(targets)


class UdpExporter:
    """Sends flow records.

    Args:
        config: where and how.
        boot_ms: UTC milliseconds at which metering began; v5 and v9 times count from it.

    Raises:
        UsageError: a name cannot be resolved, or the source cannot be used.
        ListenError: a socket cannot be opened.
    """

    def __init__(self, config: ExportConfig, boot_ms: int) -> None:
        self._config = config
        self._sockets = [_connect(host, port, config) for host, port in config.targets]
        # A share each means a sequence of numbers each.
        self._encoders = [_encoder(config, boot_ms) for _ in (config.targets if config.balance else (None,))]
        self._turn = 0
        self._statistics = ExportStatistics()

    @property
    def endpoints(self) -> tuple[tuple[tuple[str, int], tuple[str, int]], ...]:
        """Own and remote address and port of each socket, so that the probe can leave its own exports out."""
        return tuple((opened.getsockname()[:2], opened.getpeername()[:2]) for opened in self._sockets)

    def write(self, batch: FlowBatch, flows: int, export_ms: int) -> None:
        """Encode and send.

        Args:
            batch: flow records.
            flows: flows that they are the records of, for the statistics.
            export_ms: UTC milliseconds for the headers.
        """
        s = self._statistics
        self._statistics = replace(s, flows=s.flows + flows)
        if not self._config.balance:
            self._send(self._encoders[0].encode(batch, export_ms), self._sockets)
            return
        import numpy as np

        count = len(self._sockets)
        for share in range(count):
            rows = np.arange((share - self._turn) % count, len(batch), count)
            if len(rows):
                self._send(self._encoders[share].encode(batch.take(rows), export_ms), self._sockets[share : share + 1])
        self._turn = (self._turn + len(batch)) % count

    def resend_templates(self) -> None:
        """Put the templates in front of the next records."""
        for encoder in self._encoders:
            if not isinstance(encoder, NetFlow5Encoder):
                encoder.resend_templates()

    def statistics(self) -> ExportStatistics:
        """What was sent so far."""
        return self._statistics

    def tick(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Close the sockets."""
        for opened in self._sockets:
            opened.close()

    def _send(self, datagrams: Datagrams, sockets: list[socket.socket]) -> None:
        sent = failed = records = 0
        for number, (data, flows) in enumerate(zip(datagrams, datagrams.flows.tolist(), strict=True)):
            if self._config.paced and number % _BURST == _BURST - 1:
                time.sleep(_REST_SECONDS)
            delivered = [_send_one(opened, data) for opened in sockets]
            sent += sum(delivered)
            records += flows if all(delivered) else 0
            failed += 0 if all(delivered) else flows
        s = self._statistics
        self._statistics = replace(
            s, records=s.records + records, datagrams=s.datagrams + sent, failures=s.failures + failed
        )


def _send_one(opened: socket.socket, data: memoryview) -> bool:
    """Send; an answer to an earlier datagram (port unreachable) is reported once and must not cost this one."""
    for _ in range(2):
        try:
            opened.send(data)
        except ConnectionRefusedError:
            continue
        except OSError:
            return False
        return True
    return False


def _connect(host: str, port: int, config: ExportConfig) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        raise UsageError(f"collector {host}: {error.strerror or error}") from error
    opened = socket.socket(family, kind, proto)
    try:
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        _set_hop_limit(opened, config.hop_limit)
        if config.source:
            _bind(opened, config.source)
        opened.connect(address)
    except OSError as error:
        opened.close()
        raise ListenError(f"cannot send to {host}:{port}: {error.strerror or error}") from error
    return opened


def _set_hop_limit(opened: socket.socket, limit: int | None) -> None:
    if limit is None:
        return
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, limit)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, limit)
    else:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, limit)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, limit)


def _bind(opened: socket.socket, source: str) -> None:
    """Send from an address, or through an interface when it is the name of one."""
    try:
        ip_address(source)
    except ValueError:
        opened.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, source.encode() + b"\0")
        return
    opened.bind((source, 0))


def _encoder(config: ExportConfig, boot_ms: int) -> Encoder:
    sampling = config.sampling if config.sampling > 1 else None
    if config.version == 5:
        return NetFlow5Encoder(boot_ms=boot_ms, engine_id=config.domain & 0xFF, sampling_rate=sampling)
    kind = NetFlow9Encoder if config.version == 9 else IpfixEncoder
    return kind(
        config.domain,
        boot_ms=boot_ms,
        sampling_rate=sampling,
        refresh_datagrams=config.refresh_datagrams,
        refresh_ms=config.refresh_seconds * 1000,
        skip={"etype"},
    )
