"""Names and types of information elements."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from nftui.engine import elements
from nftui.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
GENERATOR = ROOT / "tools" / "elements" / "generate.py"
TABLE = ROOT / "nftui" / "engine" / "elements.tsv"
SOURCES = (
    importlib.util.find_spec("netflow") is not None
    and Path("/usr/share/libfixbuf/cert_ipfix.xml").exists()
    and shutil.which("tshark") is not None
)


def test_the_table_is_what_the_generator_wrote() -> None:
    head, digest, body = TABLE.read_text().split("\n", 2)
    assert "tools/elements/generate.py" in head
    assert digest.endswith(hashlib.sha256(body.encode()).hexdigest())
    lines = body.splitlines()
    keys = [tuple(int(part) for part in line.split("\t")[:2]) for line in lines]
    assert keys == sorted(set(keys))
    assert {line.split("\t")[3] for line in lines} <= set(elements.TYPES)


@pytest.mark.peer
@pytest.mark.skipif(not SOURCES, reason="needs the packages netflow, libfixbuf-tools and tshark")
def test_the_generator_makes_the_same_table_again() -> None:
    assert subprocess.run([sys.executable, str(GENERATOR), "--check"], capture_output=True).returncode == 0


def test_own_tables_of_the_generator_are_in_the_table() -> None:
    for name, enterprise in (("vendors.tsv", ""), ("later.tsv", "0\t")):
        for line in (GENERATOR.parent / name).read_text().splitlines():
            if not line.startswith("#"):
                pen, number, word, kind = (enterprise + line).split("\t")
                assert elements.find(int(pen), int(number)) == (int(pen), int(number), word, kind)


@pytest.mark.parametrize(
    ("pen", "number", "name", "kind"),
    [
        (0, 1, "octetDeltaCount", "unsigned64"), (0, 8, "sourceIPv4Address", "ipv4Address"),
        (0, 152, "flowStartMilliseconds", "dateTimeMilliseconds"), (0, 291, "basicList", "basicList"),
        (0, 315, "dataLinkFrameSection", "octetArray"), (0, 364, "portRangeNumPorts", "unsigned16"),
        (0, 491, "bgpDestinationLargeCommunityList", "basicList"), (0, 494, "srhSegmentIPv6", "ipv6Address"),
        (0, 533, "pathDelaySumDeltaMicroseconds", "unsigned64"), (0, 33002, "firewallExtendedEvent", "unsigned16"),
        (29305, 1, "reverseOctetDeltaCount", "unsigned64"), (6871, 14, "initialTCPFlags", "unsigned16"),
        (6871, 0x4000 | 14, "reverseInitialTCPFlags", "unsigned16"),
    ],
)  # fmt: skip
def test_element_has_its_registered_name_and_type(pen: int, number: int, name: str, kind: str) -> None:
    assert elements.find(pen, number) == (pen, number, name, kind)


def test_every_number_of_the_iana_registry_up_to_533_has_a_name() -> None:
    unassigned = {*range(66, 70), *range(105, 128), 416, 419}
    missing = {n for n in range(1, 534) if elements.find(0, n) is None} - unassigned
    assert not missing


def test_labels_name_the_vendor_and_fall_back_to_the_number() -> None:
    assert elements.label(0, 4) == "protocolIdentifier"
    assert elements.label(35632, 118) == "ntop.L7_PROTO"
    assert elements.label(9, 9265) == "cisco.artClientPackets"
    assert elements.label(35632, 60000) == "35632.60000"
    assert elements.label(0, 60000) == "60000"


@pytest.mark.parametrize(
    ("kind", "raw", "shown"),
    [
        ("unsigned32", b"\1\0", "256"), ("unsigned8", b"\1\0", None), ("unsigned64", b"", None),
        ("signed32", b"\xff\xfe", "-2"), ("float32", struct.pack(">f", 0.5), "0.5"),
        ("float64", struct.pack(">d", 1e9), "1e+09"), ("float32", b"\0", None), ("boolean", b"\1", "true"),
        ("boolean", b"\2", "false"), ("boolean", b"\3", None), ("macAddress", bytes(5) + b"\1", "00:00:00:00:00:01"),
        ("string", b"a\x1b[2Jb", "a[2Jb"), ("ipv4Address", b"\x0a\0\0\1", "10.0.0.1"),
        ("ipv6Address", b"\x20\1" + bytes(13) + b"\1", "2001::1"), ("octetArray", b"\1", None),
        ("dateTimeSeconds", struct.pack(">I", 1_700_000_000), "2023-11-14 22:13:20.000000"),
        ("dateTimeMilliseconds", struct.pack(">Q", 1_700_000_000_123), "2023-11-14 22:13:20.123000"),
        ("dateTimeMicroseconds", struct.pack(">II", 1_700_000_000 + 2_208_988_800, 1 << 31),
         "2023-11-14 22:13:20.500000"),
        ("dateTimeMilliseconds", b"\xff" * 8, None),
        ("basicList", b"\x03\0\7\0\2\0\x50\1\xbb", "all of sourceTransportPort [80, 443]"),
        ("basicList", b"\xff\0\x60\xff\xff\1a\2bc", "list applicationName [a, bc]"),
        ("basicList", b"\x04\x80\x76\0\2\0\0\x8b\x30\0\7", "ordered ntop.L7_PROTO [7]"),
        ("basicList", b"\x03\0\7\0\2\0", None), ("basicList", b"\x03\0\7\0\0\0", None), ("basicList", b"\x03", None),
    ],
)  # fmt: skip
def test_value_by_type(kind: str, raw: bytes, shown: str | None) -> None:
    got = elements.value_text(kind, raw)
    assert got == shown


@pytest.fixture
def user_file(tmp_path: Path):  # type: ignore[no-untyped-def]
    path = tmp_path / "elements.txt"
    yield path
    path.write_text("")
    elements.read_user_file(path)


def test_user_file_names_elements_and_comes_first(user_file: Path) -> None:
    user_file.write_text("# mine\n4242 7 queueDepth unsigned32\n0 1 volume unsigned64  # instead\n4242 8 blob\n\n")
    assert elements.read_user_file(user_file) == 3
    assert elements.find(4242, 7) == (4242, 7, "queueDepth", "unsigned32")
    assert elements.label(0, 1) == "volume"
    assert elements.find(4242, 8) == (4242, 8, "blob", "octetArray")
    user_file.write_text("")
    elements.read_user_file(user_file)
    assert elements.label(0, 1) == "octetDeltaCount"


@pytest.mark.parametrize(
    "line", ["1 2", "x 2 name", "1 70000 name", "1 0 name", "1 2 name unsigned128", "1 2 a string more", "-1 2 name"]
)
def test_user_file_with_a_bad_line_is_refused_with_its_place(user_file: Path, line: str) -> None:
    user_file.write_text(f"1 2 fine\n{line}\n")
    with pytest.raises(ConfigError, match=r"elements\.txt:2"):
        elements.read_user_file(user_file)


def test_missing_user_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        elements.read_user_file(tmp_path / "none")
