import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from probe_packets import (
    START,
    pcapng_block,
    pcapng_interface,
    pcapng_packet,
    pcapng_section,
    tcp,
    udp,
    write_pcap,
)

from nftui.engine.frames.views import Link
from nftui.errors import UsageError
from nftui.probe import capture_file, record_index
from nftui.probe.capture_file import CaptureFile

FRAMES = [udp("10.0.0.1", "10.0.0.2", 1000 + i, 53, i % 300) for i in range(50)]


def frames_of(capture: CaptureFile) -> list[tuple[bytes, int, int]]:
    """Bytes, time in nanoseconds and length on the wire of all packets."""
    out = []
    for block in capture.blocks():
        times = block.time_ns(np.arange(len(block)))
        for start, kept, wire, time in zip(block.offset, block.captured, block.wire, times, strict=True):
            out.append((block.data[start : start + int(kept)].tobytes(), int(time), int(wire)))
    return out


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_every_kind_of_pcap_gives_the_same_packets(tmp_path: Path, order: str, nanoseconds: bool) -> None:
    path = write_pcap(tmp_path / "a", FRAMES, order=order, nanoseconds=nanoseconds)
    capture = CaptureFile(str(path))
    assert capture.link == Link.ETHERNET
    found = frames_of(capture)
    assert [frame for frame, _, _ in found] == FRAMES
    assert [time for _, time, _ in found] == [START * 10**9 + i * 1_000_000 for i in range(50)]
    assert capture.damage is None
    assert capture.position == capture.size == path.stat().st_size


def test_a_short_snaplen_keeps_the_length_on_the_wire(tmp_path: Path) -> None:
    found = frames_of(CaptureFile(str(write_pcap(tmp_path / "a", FRAMES, snaplen=60))))
    assert [(len(frame), wire) for frame, _, wire in found] == [(min(60, len(f)), len(f)) for f in FRAMES]


def test_gzip_and_standard_input_are_read(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a", FRAMES)
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert [frame for frame, _, _ in frames_of(CaptureFile(str(packed)))] == FRAMES
    code = (
        "from nftui.probe.capture_file import CaptureFile\n"
        "print(sum(len(block) for block in CaptureFile('-').blocks()))"
    )
    for content in (path.read_bytes(), packed.read_bytes()):
        done = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True)
        assert int(done.stdout) == len(FRAMES)


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 40])
def test_a_file_that_is_cut_off_gives_its_whole_packets_and_says_so(tmp_path: Path, cut: int) -> None:
    path = write_pcap(tmp_path / "a", FRAMES)
    path.write_bytes(path.read_bytes()[:-cut])
    capture = CaptureFile(str(path))
    assert [frame for frame, _, _ in frames_of(capture)] == FRAMES[:-1]
    assert capture.damage == "the last packet is cut off"


def test_an_absurd_length_ends_reading(tmp_path: Path) -> None:
    path = write_pcap(tmp_path / "a", FRAMES)
    content = bytearray(path.read_bytes())
    at = 24 + sum(16 + len(frame) for frame in FRAMES[:10])
    content[at + 8 : at + 12] = struct.pack("<I", 0x7FFFFFFF)
    path.write_bytes(content)
    capture = CaptureFile(str(path))
    assert [frame for frame, _, _ in frames_of(capture)] == FRAMES[:10]
    assert capture.damage == "a packet of 2147483647 bytes: the file is damaged"


@pytest.mark.parametrize("content", [b"", b"\n\r", b"hello, this is no capture at all", b"\xd4\xc3\xb2\xa1"])
def test_what_is_no_capture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a pcap or pcapng file"):
        CaptureFile(str(path))


def test_unknown_link_types_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="link type 147 is not supported"):
        CaptureFile(str(write_pcap(tmp_path / "a", FRAMES, link=147)))
    with pytest.raises(UsageError, match="No such file"):
        CaptureFile(str(tmp_path / "missing"))


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_in_both_orders_with_resolution_and_offset(tmp_path: Path, order: str) -> None:
    resolution = struct.pack(order + "HHB3x", 9, 1, 9)
    offset = struct.pack(order + "HHq", 14, 8, 100)
    binary = struct.pack(order + "HHB3x", 9, 1, 0x80 | 10)
    content = pcapng_section(order) + pcapng_interface(1, b"", order) + pcapng_interface(1, resolution + offset, order)
    content += pcapng_interface(1, binary, order) + pcapng_block(5, bytes(12), order)
    content += pcapng_packet(FRAMES[0], START * 10**6 + 5, 0, order)
    content += pcapng_packet(FRAMES[1], START * 10**9 + 7, 1, order)
    content += pcapng_packet(FRAMES[2], START * 1024 + 512, 2, order)
    path = tmp_path / "a"
    path.write_bytes(content)
    capture = CaptureFile(str(path))
    found = {frame: time for frame, time, _ in frames_of(capture)}
    assert found == {
        FRAMES[0]: START * 10**9 + 5000,
        FRAMES[1]: (START + 100) * 10**9 + 7,
        FRAMES[2]: START * 10**9 + 500_000_000,
    }
    assert capture.damage is None


def test_sections_of_different_byte_order_follow_each_other(tmp_path: Path) -> None:
    content = b""
    for order in "<><":
        content += pcapng_section(order) + pcapng_interface(1, b"", order)
        content += pcapng_packet(FRAMES[3], START * 10**6, 0, order)
    path = tmp_path / "a"
    path.write_bytes(content)
    assert [frame for frame, _, _ in frames_of(CaptureFile(str(path)))] == [FRAMES[3]] * 3


def test_simple_blocks_and_unsupported_interfaces(tmp_path: Path) -> None:
    simple = pcapng_block(3, struct.pack("<I", len(FRAMES[0])) + FRAMES[0])
    content = pcapng_section() + pcapng_interface(1) + pcapng_interface(147) + simple
    content += pcapng_packet(FRAMES[1], 1, 1) + pcapng_packet(FRAMES[2], 1, 0)
    path = tmp_path / "a"
    path.write_bytes(content)
    capture = CaptureFile(str(path))
    assert [frame[: len(FRAMES[0])] for frame, _, _ in frames_of(capture)] == [FRAMES[0], FRAMES[2][: len(FRAMES[0])]]
    assert capture.skipped == 1


@pytest.mark.parametrize("interface", [7, 1 << 31])
def test_a_packet_of_an_interface_that_was_never_described_is_damage(tmp_path: Path, interface: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(pcapng_section() + pcapng_interface(1) + pcapng_packet(FRAMES[0], 1, interface))
    capture = CaptureFile(str(path))
    assert frames_of(capture) == []
    assert capture.damage == "a packet block whose lengths or interface do not fit"


def test_windows_lose_and_double_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_file, "WINDOW", 70_000)
    frames = [tcp("10.1.0.1", "10.0.0.2", i % 65_000 + 1, 80, payload=i * 37 % 1400) for i in range(3000)]
    path = write_pcap(tmp_path / "a", frames)
    assert [frame for frame, _, _ in frames_of(CaptureFile(str(path)))] == frames
    path.write_bytes(
        pcapng_section() + pcapng_interface(1) + b"".join(pcapng_packet(f, i) for i, f in enumerate(frames))
    )
    assert [frame for frame, _, _ in frames_of(CaptureFile(str(path)))] == frames


@pytest.mark.parametrize("decoy", [False, True])
def test_the_index_is_the_true_chain_even_when_payload_looks_like_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoy: bool
) -> None:
    monkeypatch.setattr(record_index, "_STRETCH", 4096)
    # Payload that is itself a run of plausible record headers: guesses land in it and must be found out.
    fake = b"".join(struct.pack("<IIII", START, 1, 20, 20) + bytes(20) for _ in range(40)) if decoy else bytes(1440)
    rng = np.random.default_rng(3)
    frames = [tcp("10.1.0.1", "10.0.0.2", 1, 80)[:54] + fake[: int(rng.integers(0, 1400))] for _ in range(800)]
    path = write_pcap(tmp_path / "a", frames)
    assert [frame for frame, _, _ in frames_of(CaptureFile(str(path)))] == frames
