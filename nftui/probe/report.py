"""The probe's answers as text, in softflowctl's words and layout, so that scripts which read it go on working."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from nftui.probe.cache import CacheEntry
from nftui.probe.statistics import ProbeStatistics
from nftui.probe.timeouts import Reason, Timeouts
from nftui.text import address, clean, mac

NAME = "nftui"
"""Stands where softflowd writes its own name."""


def statistics_text(statistics: ProbeStatistics, live: bool) -> str:
    """`statistics`, without the heading; capture files have no counters of the kernel, as in softflowd."""
    s = statistics
    lines = [f"Number of active flows: {s.active_flows}", f"Packets processed: {s.packets}"]
    if s.non_sampled:
        lines.append(f"Packets non-sampled: {s.non_sampled}")
    lines += [
        f"Fragments: {s.fragments}",
        f"Ignored packets: {s.non_ip + s.too_short} ({s.non_ip} non-IP, {s.too_short} too short)",
        f"Flows expired: {s.expired} ({s.forced} forced)",
        (
            f"Flows exported: {s.export.flows} ({s.export.records} records) in {s.export.datagrams} packets "
            f"({s.export.failures} failures)"
        ),
    ]
    if live:
        lines += [
            f"Packets received by libpcap: {sum(c.received for c in s.captures)}",
            f"Packets dropped by libpcap: {sum(c.dropped for c in s.captures)}",
            f"Packets dropped by interface: {sum(c.interface_dropped for c in s.captures)}",
        ]
    lines.append("")
    if s.expired:
        lines += _expired_lines(s)
    return "\n".join(lines) + "\n"


def _expired_lines(s: ProbeStatistics) -> Iterator[str]:
    yield "Expired flow statistics:  minimum       average       maximum"
    for name, spread in (("Flow bytes:  ", s.sizes), ("Flow packets:", s.lengths)):
        yield f"  {name}      {spread.minimum:12.0f}  {spread.average:12.0f}  {spread.maximum:12.0f}"
    d = s.durations
    yield f"  Duration:          {d.minimum:12.2f}s {d.average:12.2f}s {d.maximum:12.2f}s"
    yield ""
    yield "Expired flow reasons:"
    count = dict(s.reasons)
    yield (
        f"       tcp = {count[Reason.TCP]:9}   tcp.rst = {count[Reason.TCP_RST]:9}   "
        f"tcp.fin = {count[Reason.TCP_FIN]:9}"
    )
    yield (
        f"       udp = {count[Reason.UDP]:9}      icmp = {count[Reason.ICMP]:9}   general = {count[Reason.GENERAL]:9}"
    )
    yield f"   maxlife = {count[Reason.MAXLIFE]:9}"
    yield f"over 2 GiB = {count[Reason.OVERBYTES]:9}"
    yield f"  maxflows = {count[Reason.MAXFLOWS]:9}"
    yield f"   flushed = {count[Reason.FLUSH]:9}"
    yield ""
    yield "Per-protocol statistics:     Octets      Packets   Avg Life    Max Life"
    for p in s.protocols:
        name = f"{protocol_names().get(p.proto, 'Unknown')} ({p.proto})"
        yield f"  {name:>17}: {p.octets:14} {p.packets:12}   {p.average_life:8.2f}s {p.maximum_life:10.2f}s"


def flows_text(entries: tuple[CacheEntry, ...], now: int) -> str:
    """`dump-flows`: each flow and when it will end, next to expire first; `now` is UTC seconds."""
    return "".join(f"ACTIVE {_flow(entry)}\n{_expiry(entry, now)}\n\n" for entry in entries)


def _flow(e: CacheEntry) -> str:
    return (
        f"seq:{e.sequence} [{address(e.address[0])}]:{e.port[0]} <> [{address(e.address[1])}]:{e.port[1]} "
        f"proto:{e.proto} octets>:{e.octets[0]} packets>:{e.packets[0]} octets<:{e.octets[1]} "
        f"packets<:{e.packets[1]} start:{_time(e.start_ms)} finish:{_time(e.last_ms)} "
        f"tcp>:{e.flags[0]:02x} tcp<:{e.flags[1]:02x} flowlabel>:{e.label[0]:08x} flowlabel<:{e.label[1]:08x} "
        f"vlan>:{e.vlan if e.packets[0] else 0} vlan<:{e.vlan if e.packets[1] else 0} "
        f"ether:{mac(e.mac[0])} <> {mac(e.mac[1])}" + (f" process:{clean(e.process)}" if e.process else "")
    )


def _expiry(entry: CacheEntry, now: int) -> str:
    left = entry.expires - now
    if left >= 0:
        return f"EXPIRY EVENT for flow {entry.sequence} in {left} seconds"
    return f"EXPIRY EVENT for flow {entry.sequence} now{' (FORCED)' if entry.expires == 0 else ''}"


def timeouts_text(timeouts: Timeouts) -> str:
    """`timeouts`; the active timeout, which softflowd does not know, only when it is on."""
    t = timeouts
    rows = [
        ("TCP timeout", t.tcp),
        ("TCP post-RST timeout", t.tcp_rst),
        ("TCP post-FIN timeout", t.tcp_fin),
        ("UDP timeout", t.udp),
        ("ICMP timeout", t.icmp),
        ("General timeout", t.general),
        ("Maximum lifetime", t.maxlife),
        ("Expiry interval", t.expint),
    ]
    if t.active:
        rows.append(("Active timeout", t.active))
    return "".join(f"{name:>22}: {seconds}s\n" for name, seconds in rows)


def heading(text: str, pid: int) -> str:
    """A first line as softflowd writes it, with our name."""
    return f"{NAME}[{pid}]: {text}\n"


def started(statistics: ProbeStatistics) -> str:
    """The start as softflowd writes it."""
    return datetime.fromtimestamp(statistics.started_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}"


@lru_cache(maxsize=1)
def protocol_names() -> dict[int, str]:
    """Names of protocols as the system's /etc/protocols has them, where softflowd takes them from."""
    names: dict[int, str] = {}
    try:
        lines = Path("/etc/protocols").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return names
    for line in lines:
        words = line.partition("#")[0].split()
        if len(words) >= 2 and words[1].isdigit():
            names.setdefault(int(words[1]), clean(words[0]))
    return names
