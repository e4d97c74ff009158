"""Mutated frames and capture files: nothing raises, nothing hangs, every packet is counted once."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from probe_packets import (
    block_of,
    ethernet,
    ip,
    pcapng_interface,
    pcapng_packet,
    pcapng_section,
    tcp,
    udp,
    write_pcap,
)
from probe_peers import conversations, fragments, with_labels, with_tags

from nftui.engine.frames.views import Link
from nftui.errors import UsageError
from nftui.probe.bpf import compile_filter, matches
from nftui.probe.capture_file import CaptureFile
from nftui.probe.flow_table import Flows
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import SPARE, SUPPORTED, PacketBlock
from nftui.probe.parse import Level

FRAMES = 500_000 if os.environ.get("NFTUI_FULL") == "1" else 50_000
SEED = 20_261_121


def seeds() -> list[bytes]:
    """Frames with every layer."""
    plain = conversations(False, 9) + conversations(True, 9)
    body = struct.pack(">HHHH", 5, 6, 8, 0)
    extended = ip("2001:db8::1", "2001:db8::2", 0, bytes([43, 0] + [0] * 6 + [44, 0] + [0] * 6 + [17] + [0] * 7) + body)
    inner = udp("192.0.2.1", "192.0.2.2", 7, 8)
    vxlan = ip("10.0.0.1", "10.0.0.2", 17, struct.pack(">HHHH", 5, 4789, 0, 0) + b"\x08" + bytes(7) + inner)
    gre = ip("10.0.0.1", "10.0.0.2", 47, b"\xb0\x00\x65\x58" + bytes(12) + inner)
    pppoe = bytes(12) + b"\x88\x64\x11\x00" + bytes(4) + b"\x00\x21" + inner[14:]
    return [
        *plain,
        *with_tags(plain),
        *with_labels(plain),
        *fragments()[:6],
        *map(ethernet, (extended, vxlan, gre)),
        pppoe,
    ]


def mutate(rng: np.random.Generator, frames: list[bytes], count: int) -> PacketBlock:
    """Frames with bytes changed, most of them in the headers, and cut anywhere."""
    chosen = rng.integers(0, len(frames), count)
    lengths = np.array([len(frame) for frame in frames])[chosen]
    kept = np.where(rng.random(count) < 0.3, (lengths * rng.random(count)).astype(np.int64), lengths)
    offset = np.cumsum(kept) - kept
    data = np.frombuffer(
        b"".join(frames[i][:k] for i, k in zip(chosen.tolist(), kept.tolist(), strict=True)) + bytes(SPARE), np.uint8
    ).copy()
    for _ in range(4):
        rows = np.flatnonzero(kept > 0)
        place = offset[rows] + np.minimum(rng.integers(0, 80, len(rows)), kept[rows] - 1)
        data[place] = rng.choice([0, 1, 4, 6, 0x45, 0x60, 0x81, 0x86, 0xFF, 44, 43, 60], len(rows))
    wire = np.where(rng.random(count) < 0.1, rng.integers(0, 70_000, count), lengths)
    return PacketBlock(data, offset, kept, wire, rng.integers(0, 1 << 32, count), rng.integers(0, 1 << 30, count), 1)


@pytest.mark.parametrize("config", [
    MeterConfig(max_flows=500, gre=True, vxlan=True),
    MeterConfig(level=Level.ETHER, max_flows=5000, sampling=3),
    MeterConfig(level=Level.IP, join_fragments=False, ipv6=False),
], ids=["tunnels", "ether", "ip"])  # fmt: skip
def test_mutated_frames_are_survived_and_counted(config: MeterConfig) -> None:
    rng = np.random.default_rng(SEED)
    frames = seeds()
    links = sorted(SUPPORTED - {Link.ETHERNET})
    ended: list[Flows] = []
    meter = Meter(config, ended.append, live=False, started_ms=0)
    done = 0
    for number in range(FRAMES // 3 // 5000 + 1):
        block = mutate(rng, frames, 5000)
        if number % 4 == 3:
            block.link = links[number // 4 % len(links)]
        meter.add(block)
        done += len(block)
    meter.finish()
    s = meter.statistics(0)
    metered = sum(int(flows["packets"].sum()) for flows in ended)
    assert metered + s.too_short == s.packets
    assert s.packets + s.non_ip + s.non_sampled == done
    assert metered > done // 20
    assert min(s.non_ip, s.too_short, s.truncated, s.bad_length) > 0


def test_random_bytes_are_survived() -> None:
    rng = np.random.default_rng(SEED)
    meter = Meter(MeterConfig(gre=True, vxlan=True), lambda flows: None, live=True, started_ms=0)
    for link in sorted(SUPPORTED):
        frames = [rng.bytes(int(size)) for size in rng.integers(0, 120, 500)]
        meter.add(block_of(frames, link=link))
    s = meter.statistics(0)
    assert s.packets + s.non_ip == 500 * len(SUPPORTED)


def test_every_lie_of_an_ipv4_header_is_survived() -> None:
    packet = bytearray(tcp("10.0.0.1", "10.0.0.2", 5, 6))
    frames, kept = [], []
    for words in range(16):
        for total in range(0, 70, 3):
            packet[14] = 0x40 | words
            packet[16:18] = struct.pack(">H", total)
            for cut in range(0, len(packet) + 1, 3):
                frames.append(bytes(packet))
                kept.append(cut)
    meter = Meter(MeterConfig(), lambda flows: None, live=True, started_ms=0)
    meter.add(block_of(frames, captured=kept))
    s = meter.statistics(0)
    assert s.packets + s.non_ip == len(frames)
    assert s.active_flows == 2  # with ports and, where TCP was cut off, without


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_mutated_capture_files_are_survived(tmp_path: Path, kind: str) -> None:
    frames = conversations(False, 12)
    path = tmp_path / "a"
    if kind == "pcap":
        write_pcap(path, frames)
    else:
        content = pcapng_section() + pcapng_interface(1)
        path.write_bytes(content + b"".join(pcapng_packet(frame, i) for i, frame in enumerate(frames)))
    good = path.read_bytes()
    rng = np.random.default_rng(SEED)
    read = 0
    for _ in range(600):
        content = bytearray(good[: int(rng.integers(0, len(good) + 1))] if rng.random() < 0.3 else good)
        for _ in range(int(rng.integers(1, 6))):
            if content:
                content[int(rng.integers(0, len(content)))] = int(rng.integers(0, 256))
        path.write_bytes(content)
        try:
            capture = CaptureFile(str(path))
        except UsageError:
            continue
        meter = Meter(MeterConfig(), lambda flows: None, live=False, started_ms=0)
        program = compile_filter("", capture.link, 100)
        for block in capture.blocks():
            assert int((block.offset + block.captured.astype(np.int64)).max()) + SPARE <= len(block.data)
            assert matches(program, block).all()
            meter.add(block)
            read += len(block)
        capture.close()
    assert read > 1000
