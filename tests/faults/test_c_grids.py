"""Cases C3 to C5 of docs/reliability.md: packets that are cut or lie, exhaustively. Nothing raises, all are counted."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from collector_process import FULL
from probe_packets import block_of, ethernet, ip, tcp

from nftui.errors import UsageError
from nftui.probe.cache import cache_entries
from nftui.probe.capture_file import CaptureFile
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import SPARE, PacketBlock

INTEROP = Path(os.environ.get("NFTUI_INTEROP", Path(__file__).resolve().parents[3] / "shared" / "interop"))
CAPTURES = sorted((INTEROP / "packets").glob("*.pcap"))[:20]
PACKETS = 500 if FULL else 20
"""Of each capture."""


def metered(block: PacketBlock) -> int:
    """Packets that became part of a flow; all others must be counted as something else."""
    meter = Meter(MeterConfig(gre=True, vxlan=True), lambda flows: None, live=True, started_ms=0)
    meter.add(block)
    s = meter.statistics(0)
    found = sum(sum(flow.packets) for flow in cache_entries(meter.table.flows()))
    assert found + s.non_ip + s.too_short == len(block)
    return found


@pytest.mark.parametrize("path", CAPTURES or [None], ids=lambda path: path.stem if path else "none")
def test_each_packet_of_a_capture_cut_at_every_byte(path: Path | None) -> None:
    """C3. The length on the wire stays, so octets do not depend on the cut."""
    if path is None:
        pytest.skip("the interoperability corpus is not here")
    left = PACKETS
    try:
        capture = CaptureFile(str(path))
        blocks = list(capture.blocks())
    except UsageError as error:
        pytest.skip(str(error))
    for block in blocks:
        for index in range(min(len(block), left)):
            left -= 1
            size = min(int(block.captured[index]), 1600)
            cuts = np.arange(size + 1)
            start = np.full(len(cuts), block.offset[index])
            wire = np.full(len(cuts), block.wire[index])
            zero = np.zeros(len(cuts), np.int64)
            metered(PacketBlock(block.data, start, cuts, wire, zero, zero, block.link))
    assert left < PACKETS


def test_header_length_by_total_length_by_captured_length() -> None:
    """C4: all 16 x 70 x 70."""
    packet = np.frombuffer(tcp("10.0.0.1", "10.0.0.2", 5, 6, payload=16), np.uint8)
    words, total, cut = (part.ravel() for part in np.meshgrid(np.arange(16), np.arange(70), np.arange(70)))
    rows = np.tile(packet, (len(cut), 1))
    rows[:, 14] = 0x40 | words
    rows[:, 16], rows[:, 17] = 0, total
    data = np.concatenate([rows.ravel(), np.zeros(SPARE, np.uint8)])
    size = rows.shape[1]
    zero = np.zeros(len(cut), np.int64)
    assert size >= 70
    found = metered(PacketBlock(data, np.arange(len(cut)) * size, cut, np.full(len(cut), size), zero, zero, 1))
    # Below 14 + 20 bytes there is no header of IPv4, and below five words it is none.
    assert found <= int(((cut >= 34) & (words >= 5)).sum())
    assert found > 0


def test_chains_of_extension_headers() -> None:
    """C5: random chains, lengths that lie among them: each ends."""
    count = 10_000 if FULL else 1500
    rng = np.random.default_rng(5)
    kinds = [0, 43, 44, 51, 60, 135, 139, 140]
    frames = []
    for _ in range(count):
        body = b""
        for _ in range(int(rng.integers(1, 20))):
            length = int(rng.choice([0, 0, 0, 1, 2, 200, 255]))
            body += struct.pack("BB", int(rng.choice([*kinds, 6, 17])), length) + bytes(6 + 8 * min(length, 2))
        frames.append(ethernet(ip("2001:db8::1", "2001:db8::2", int(rng.choice(kinds)), body)))
    assert metered(block_of(frames)) > count // 2
