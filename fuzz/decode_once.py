"""Decode datagrams and check what must hold for any content. Used by the fuzzer and by the tests of its corpus."""

from __future__ import annotations

from collections.abc import Sequence

from nftui.engine.counters import Counts, add, datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.limits import Limits

NOW_MS = 1_700_000_000_000
# Small tables: a decoder is made for each input.
_LIMITS = Limits(exporters=8, domains=64, layouts=256, templates=256, records_per_datagram=1024)
_ADDRESS = 0xFFFF_0A00_0001


class BrokenPromise(Exception):
    """The decoder did what it never may."""


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
        decoded = decoder.decode(block_of(part, [session] * len(part), NOW_MS + place))
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
    add(counts, decoder.expire(NOW_MS + 600_000).counts)
    if datagram_balance(counts) or record_balance(counts):
        raise BrokenPromise(f"the counters do not add up: {counts}")
    return counts
