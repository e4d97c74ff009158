"""What must hold for export datagrams of any content."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from promises import BrokenPromise

from nftui.engine.counters import Counts, add, datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.limits import Limits

VERSIONS = {"v5": b"\x00\x05", "v9": b"\x00\x09", "ipfix": b"\x00\x0a", "sflow": b"\x00\x00\x00\x05"}
_NOW_MS = 1_700_000_000_000
# Small tables: a decoder is made for each input.
_LIMITS = Limits(exporters=8, domains=64, layouts=256, templates=256, records_per_datagram=1024)
_ADDRESS = 0xFFFF_0A00_0001


def datagrams_of(data: bytes, head: bytes) -> list[bytes]:
    """The datagrams of an input; each begins with the version, so that no time goes into other ones."""
    found, at = [], 0
    while at + 2 <= len(data) and len(found) < 8:
        (size,) = struct.unpack_from(">H", data, at)
        found.append(head + data[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def packed(datagrams: Sequence[bytes], head: bytes = b"") -> bytes:
    """An input made of datagrams: the opposite of `datagrams_of`."""
    return b"".join(struct.pack(">H", len(raw) - len(head)) + raw[len(head) :] for raw in datagrams)


def export(data: bytes, target: str) -> int:
    """Datagrams of one protocol; gives flows."""
    return decode_once(datagrams_of(data, VERSIONS[target])).get("records.flows", 0)


def decode_once(datagrams: Sequence[bytes]) -> Counts:
    """Decode the datagrams with a new decoder, as one block and one by one; returns the counters.

    Raises:
        BrokenPromise: an exception inside, columns of different lengths, or counters that do not add up.
    """
    decoder = Decoder(_LIMITS)
    session = decoder.session(_ADDRESS, 2055)
    counts: Counts = {}
    for place, part in enumerate([datagrams, *[[raw] for raw in datagrams]]):
        if not part:
            continue
        decoded = decoder.decode(block_of(part, [session] * len(part), _NOW_MS + place))
        add(counts, decoded.counts)
        flows = sum(map(len, decoded.batches))
        for batch in decoded.batches:
            wrong = [name for name, column in batch.columns.items() if len(column) != len(batch)]
            if wrong:
                raise BrokenPromise(f"columns of another length: {wrong}")
        if decoded.counts.get("decoder_bug"):
            raise BrokenPromise("an exception inside of the decoder")
        if decoded.counts.get("records.flows", 0) != flows:
            raise BrokenPromise("flows are not what was counted")
    add(counts, decoder.expire(_NOW_MS + 600_000).counts)
    if datagram_balance(counts) or record_balance(counts):
        raise BrokenPromise(f"the counters do not add up: {counts}")
    return counts
