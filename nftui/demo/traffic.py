"""The day of the made-up company: conversations begin and end, a scan and a flood come and go.

Everything is drawn from one seeded generator in steps of fixed length, so that a seed and a start time give the
same flows to the last byte.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nftui.demo.sessions import NO_SERVICE, SYN, Ints, Sessions, export, join, of_exporter
from nftui.demo.world import INSIDE_IF, OWN_AS, SERVICES, TCP, UDP, UPLINKS, USERS, Exporter, Hosts, World
from nftui.engine.batch import FlowBatch, Mask
from nftui.text import V4_PREFIX, parse_address

STEP_MS = 100
ACTIVE_TIMEOUT_MS = 20_000
"""Short beside the 60 s and more of real devices, so that long flows show soon."""
DAY_SECONDS = 240
"""A day of the company, from night to night."""
EVENT_SECONDS = 90
"""Scan and flood come once in so many seconds each."""
SCAN = (25.0, 18.0, 0.6)
"""Start within the period, length in seconds, flows as a share of the ordinary rate."""
FLOOD = (60.0, 14.0, 0.8)
SCANNER = parse_address("203.0.113.66")
VICTIM = parse_address("10.1.0.10")
IPV6_SHARE = 0.28
"""Of conversations that an IPv6-capable exporter sees; 15 % of all flows."""
WARM_UP_STEPS = 400
"""Steps before the start, so that long conversations are under way when the first flow is exported."""


class Traffic:
    """The traffic of all exporters.

    Args:
        rate: flows per second that the exporters send together on an ordinary hour, about; scan and flood come on top.
        seed: of everything random.
        start_ms: UTC milliseconds at which the first step starts.
    """

    def __init__(self, rate: float, seed: int, start_ms: int) -> None:
        self.rate = rate
        self._rng = np.random.default_rng(seed)
        self.world = World.create(self._rng)
        self._sessions = {exporter: Sessions.none() for exporter in Exporter}
        self._weights = np.array([service.weight for service in SERVICES])
        self._per_second = rate / _flows_per_conversation(self._weights)
        self._start_ms = start_ms
        self.now_ms = start_ms - WARM_UP_STEPS * STEP_MS
        for _ in range(WARM_UP_STEPS):
            self.step()

    def step(self) -> dict[Exporter, FlowBatch]:
        """Let `STEP_MS` pass; returns the flow records that each exporter sends at the end of it."""
        begun = join([self._conversations(), self._scan(), self._flood()])
        self.now_ms += STEP_MS
        out = {}
        for exporter in Exporter:
            running = join([self._sessions[exporter], begun.take(of_exporter(begun, exporter))])
            out[exporter], self._sessions[exporter] = export(running, self.now_ms, ACTIVE_TIMEOUT_MS)
        return out

    def finish(self) -> dict[Exporter, FlowBatch]:
        """What the exporters send when they shut down: all flows that are still under way."""
        out = {}
        for exporter, running in self._sessions.items():
            out[exporter], self._sessions[exporter] = export(running, self.now_ms, ACTIVE_TIMEOUT_MS, final=True)
        return out

    def activity(self) -> float:
        """How busy the hour is, around 1: low at night, a dent at noon."""
        hour = (self.now_ms - self._start_ms) / 1000 / DAY_SECONDS * 2 * math.pi + 1.2
        return 1 + 0.35 * math.sin(hour) - 0.15 * math.cos(2 * hour)

    def _conversations(self) -> Sessions:
        rng, world = self._rng, self.world
        n = int(rng.poisson(self._per_second * STEP_MS / 1000 * self.activity()))
        kind = rng.choice(len(SERVICES), n, p=self._weights / self._weights.sum())
        internal = rng.random(n) < np.array([service.internal for service in SERVICES])[kind]
        in_branch = rng.random(n) < 0.25
        exporter = np.where(in_branch, Exporter.BRANCH, np.where(internal, Exporter.CORE, Exporter.EDGE))
        ipv6 = (rng.random(n) < IPV6_SHARE) & (exporter != Exporter.CORE) & (_of("port", kind) != 0x0800)
        client = _pick(world.branch, world.office, in_branch, ipv6, rng)
        server = _pick(world.servers, world.internet, internal, ipv6, rng)
        uplink = np.where(rng.random(n) < 0.7, *UPLINKS)
        begin = self.now_ms + rng.integers(0, STEP_MS, n)
        spread = _of("spread", kind)
        seconds = _of("seconds", kind) * np.exp(spread * rng.standard_normal(n))
        size = np.exp(spread * rng.standard_normal(n))
        is_icmp = _of("proto", kind) == 1
        client_port = np.where(is_icmp, 0, rng.integers(32768, 61000, n))
        both = {
            "start": begin,
            "end": begin + np.minimum(seconds * 1000, 900_000).astype(np.int64),
            "proto": _of("proto", kind).astype(np.int64),
            "tos": _of("tos", kind).astype(np.int64),
            "flags": np.where(_of("proto", kind) == TCP, 0x1B, 0),
            "service": kind,
            "user": np.where(in_branch, client[3] % len(USERS), -1),
            "exporter": exporter,
        }
        port = np.where(is_icmp, 0x0800, _of("port", kind)).astype(np.int64)
        reply_port = np.where(is_icmp, 0, client_port)
        reply_source = np.where(is_icmp, 0, port)
        there = _sessions(both, _of("sent", kind) * size, client, server, client_port, port, INSIDE_IF, uplink)
        back = _sessions(
            both, _of("received", kind) * size, server, client, reply_source, reply_port, uplink, INSIDE_IF
        )
        return join([there, back])

    def _under_way(self, event: tuple[float, float, float]) -> int:
        """Flows of an event in this step."""
        first, length, share = event
        second = (self.now_ms - self._start_ms) / 1000 % EVENT_SECONDS
        if self.now_ms < self._start_ms or not first <= second < first + length:
            return 0
        return int(self._rng.poisson(self.rate * share * STEP_MS / 1000))

    def _scan(self) -> Sessions:
        """One address outside tries port 22 of every address inside."""
        rng, n = self._rng, self._under_way(SCAN)
        target = V4_PREFIX | (int(parse_address("10.10.0.0")) + rng.integers(0, 1 << 12, n))
        begin = self.now_ms + rng.integers(0, STEP_MS, n)
        both = _lonely(n, begin, begin, TCP, flags=SYN)
        source = (np.zeros(n, np.int64), np.full(n, SCANNER), np.full(n, 64510), np.zeros(n, np.int64))
        inside = (np.zeros(n, np.int64), target, np.full(n, OWN_AS), np.zeros(n, np.int64))
        return _sessions(
            both, np.full(n, 44.0), source, inside, rng.integers(40000, 60000, n), 22, UPLINKS[0], INSIDE_IF
        )

    def _flood(self) -> Sessions:
        """Reflected DNS answers, from all over the internet to one server."""
        rng, n = self._rng, self._under_way(FLOOD)
        who = rng.integers(0, len(self.world.internet.v4), n)
        begin = self.now_ms + rng.integers(0, STEP_MS, n)
        both = _lonely(n, begin, begin + rng.integers(0, 1500, n), UDP, flags=0)
        internet = self.world.internet
        source = (np.zeros(n, np.int64), internet.v4[who], internet.asn[who].astype(np.int64), who)
        inside = (np.zeros(n, np.int64), np.full(n, VICTIM), np.full(n, OWN_AS), np.zeros(n, np.int64))
        size = (rng.integers(40, 400, n) * 1400).astype(np.float64)
        return _sessions(both, size, source, inside, 53, rng.integers(1024, 65536, n), UPLINKS[1], INSIDE_IF)


Floats = NDArray[np.float64]
Place = tuple[Ints, Ints, Ints, Ints]
"""Address halves, autonomous system and index of hosts."""


def _of(name: str, kind: Ints) -> Floats:
    """Attribute of each conversation's service."""
    return np.array([getattr(service, name) for service in SERVICES], np.float64)[kind]


def _pick(first: Hosts, second: Hosts, is_first: Mask, ipv6: Mask, rng: np.random.Generator) -> Place:
    a, b = first.choose(rng, len(is_first)), second.choose(rng, len(is_first))
    hi = np.where(ipv6, np.where(is_first, first.v6_hi[a], second.v6_hi[b]), 0)
    lo6 = np.where(is_first, first.v6_lo[a], second.v6_lo[b])
    lo = np.where(ipv6, lo6, np.where(is_first, first.v4[a], second.v4[b]))
    asn = np.where(is_first, first.asn[a], second.asn[b]).astype(np.int64)
    return hi, lo, asn, np.where(is_first, a, b)


def _lonely(n: int, begin: Ints, end: Ints, proto: int, flags: int) -> dict[str, Ints]:
    """Attributes of flows that nobody answers, all seen by the edge router."""
    return {
        "start": begin,
        "end": end,
        "proto": np.full(n, proto),
        "tos": np.zeros(n, np.int64),
        "flags": np.full(n, flags),
        "service": np.full(n, NO_SERVICE),
        "user": np.full(n, -1),
        "exporter": np.full(n, Exporter.EDGE),
    }


def _sessions(
    both: dict[str, Ints],
    octets: Floats,
    source: Place,
    target: Place,
    src_port: Ints | int,
    dst_port: Ints | int,
    in_if: Ints | int,
    out_if: Ints | int,
) -> Sessions:
    """One direction of conversations."""
    n = len(octets)
    packets = np.maximum(1, octets / 760).astype(np.int64)
    packets = np.where(octets > 30_000, (octets / 1180).astype(np.int64), packets)
    return Sessions(
        **both,
        since=both["start"],
        packets=packets,
        octets=np.maximum(octets.astype(np.int64), packets * 40),
        sent=np.zeros(n, np.int64),
        src_hi=source[0],
        src_lo=source[1],
        dst_hi=target[0],
        dst_lo=target[1],
        src_port=np.broadcast_to(np.asarray(src_port, np.int64), n),
        dst_port=np.broadcast_to(np.asarray(dst_port, np.int64), n),
        in_if=np.broadcast_to(np.asarray(in_if, np.int64), n),
        out_if=np.broadcast_to(np.asarray(out_if, np.int64), n),
        src_as=source[2],
        dst_as=target[2],
    )


def _flows_per_conversation(weights: Floats) -> float:
    """Expected flow records per conversation: two directions, and the slices of the long ones."""
    mean = np.array([s.seconds * math.exp(s.spread**2 / 2) for s in SERVICES])
    slices = np.array([1.0 if s.seconds * 1000 * 8 < ACTIVE_TIMEOUT_MS else 0.0 for s in SERVICES])
    per = 2 * (1 + np.where(slices > 0, 0.0, np.minimum(mean, 900) * 1000 / ACTIVE_TIMEOUT_MS))
    return float((per * weights).sum() / weights.sum())
