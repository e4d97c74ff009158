"""Every field of the registry works everywhere: decoded, stored, filtered, printed and shown.

Adding a field is one entry in the registry; this test fails for whatever does not follow.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.query.mask import mask
from nftui.engine.query.parser import parse_filter
from nftui.engine.schema import FIELDS, Field, Kind, Show
from nftui.engine.store.writer import StoreWriter
from nftui.screens.field_text import detail_lines, filter_term

EXPORT_SECONDS = 1_790_000_000
DERIVED = {"flow_source", "quality", "time_received_ms", "sampler_address", "time_flow_start_ms", "time_flow_end_ms"}
"""Fields that no element fills directly."""

WALKED = [item for item in FIELDS.values() if item.elements and item.name not in DERIVED]


def wire_value(item: Field) -> bytes:
    """A value of the field as its first element carries it; every field gets another one."""
    number = 2 + list(FIELDS).index(item.name)
    if item.kind is Kind.ADDRESS:
        return bytes([10, 99, 0, number])
    if item.kind is Kind.TEXT:
        return f"name {number}".encode()
    if item.show is Show.MAC:
        return bytes([2, 0, 0, 0, 0, number])
    if item.show is Show.MPLS:
        return (number << 4 | 1).to_bytes(3, "big")
    if item.show is Show.ENUM:
        number = item.names[-1][0]
    size = {"u1": 1, "u2": 2, "u4": 4, "i8": 8}[item.dtype]
    return number.to_bytes(size, "big")


def message(item: Field, template_id: int) -> bytes:
    """A datagram with a template of the field and a few others, and one record of it; RFC 7011."""
    element = item.elements[0]
    pen, number = element if isinstance(element, tuple) else (0, element)
    value = wire_value(item)
    specifier = number.to_bytes(2, "big") + len(value).to_bytes(2, "big")
    if pen:
        specifier = (number | 0x8000).to_bytes(2, "big") + len(value).to_bytes(2, "big") + pen.to_bytes(4, "big")
    fields = [(specifier, value)]
    if item.name != "src_addr":
        fields.append((bytes([0, 8, 0, 4]), bytes([192, 0, 2, 1])))
    if item.name not in {"proto", "icmp_type", "icmp_code"}:
        fields.append((bytes([0, 4, 0, 1]), b"\x06"))
    template = template_id.to_bytes(2, "big") + len(fields).to_bytes(2, "big") + b"".join(f for f, _ in fields)
    record = b"".join(v for _, v in fields)
    sets = (2).to_bytes(2, "big") + (4 + len(template)).to_bytes(2, "big") + template
    sets += template_id.to_bytes(2, "big") + (4 + len(record)).to_bytes(2, "big") + record
    if number & 0x8000:  # only NetFlow v9 has such numbers: RFC 3954 section 5.1
        sets = bytes(2) + sets[2:]
        head = (9).to_bytes(2, "big") + (2).to_bytes(2, "big") + bytes(4) + EXPORT_SECONDS.to_bytes(4, "big")
        return head + bytes(4) + (7).to_bytes(4, "big") + sets
    head = (10).to_bytes(2, "big") + (16 + len(sets)).to_bytes(2, "big") + EXPORT_SECONDS.to_bytes(4, "big")
    return head + bytes(4) + (7).to_bytes(4, "big") + sets


def expected(item: Field) -> int | str:
    """The value as a batch holds it."""
    raw = wire_value(item)
    if item.kind is Kind.TEXT:
        return raw.decode()
    number = int.from_bytes(raw, "big")
    return text.V4_PREFIX | number if item.kind is Kind.ADDRESS else number


def decoded(item: Field) -> FlowBatch:
    decoder = Decoder()
    session = decoder.session(text.parse_address("192.0.2.99"), 4739)
    datagram = message(item, 256 + list(FIELDS).index(item.name))
    result = decoder.decode(block_of([datagram], [session], EXPORT_SECONDS * 1000))
    (batch,) = result.batches
    assert len(batch) == 1
    return batch


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One flow for every field."""
    root = tmp_path_factory.mktemp("walk") / "store"
    writer = StoreWriter(root, clock=ManualClock(EXPORT_SECONDS * 1000))
    writer.open()
    for item in WALKED:
        writer.append(decoded(item))
    writer.close()
    return root


def dump(store: Path, *arguments: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "nftui", "dump", "-r", str(store), "-q", "--unscaled", "-o", "ndjson", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("item", WALKED, ids=lambda item: item.name)
def test_decoded_and_found_by_the_live_filter_and_shown(item: Field) -> None:
    batch = decoded(item)
    assert batch.value(item.name, 0) == expected(item)
    term = filter_term(item, expected(item))
    if term:
        assert mask(parse_filter(term), batch, scaled=False).tolist() == [True]
        assert mask(parse_filter(f"not ({term})"), batch, scaled=False).tolist() == [False]
    (line,) = [line for line in detail_lines(batch) if line.name == item.name]
    assert line.doc == item.doc
    assert line.value


def test_stored_and_printed(store: Path) -> None:
    rows = dump(store)
    assert len(rows) == len(WALKED)
    for item in WALKED:
        value = expected(item)
        found = [row for row in rows if row.get(item.name) is not None]
        assert found, item.name
        if item.kind is Kind.ADDRESS:
            assert text.address(int(value)) in {row[item.name] for row in found}
        elif item.show is Show.MAC:
            assert text.mac(int(value)) in {row[item.name] for row in found}
        elif item.show is not Show.ENUM:
            assert value in {row[item.name] for row in found}, item.name


def test_found_by_the_stored_filter(store: Path) -> None:
    for item in WALKED[:: max(1, len(WALKED) // 12)]:
        term = filter_term(item, expected(item))
        if term:
            rows = dump(store, term)
            assert len(rows) >= 1, item.name
            assert all(row[item.name] is not None for row in rows), item.name


def test_every_field_says_what_it_is() -> None:
    for item in FIELDS.values():
        assert item.title
        assert item.doc.endswith("."), item.name
