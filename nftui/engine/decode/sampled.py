"""Flows of sampled packets: fields from the section of the packet that an exporter sends along.

Juniper's inline monitoring, Cisco's flow monitors and PSAMP exporters (RFC 5476) send the first bytes of a packet in
element 315, 104 or 313 and little else. The section stays as it came; what the record does not say itself is
read from it as from a packet of sFlow: addresses, ports, MACs, VLANs, labels. One record is one packet, and its
octets are those of the IP packet, as in every other record of NetFlow and IPFIX.
"""

from __future__ import annotations

import numpy as np

from nftui.engine.batch import FlowBatch, Mask
from nftui.engine.decode.datagrams import Ints, Wire
from nftui.engine.decode.layout import FRAME_ELEMENTS
from nftui.engine.decode.rows import Rows
from nftui.engine.decode.sflow_columns import Columns
from nftui.engine.decode.sflow_packets import read_headers
from nftui.engine.frames.headers import read_link
from nftui.engine.frames.views import Link, Views
from nftui.engine.schema import FIELDS, PHYSICAL

_LEAST_BYTES = 20


def fill_from_frames(rows: Rows, batch: FlowBatch) -> None:
    """Give the batch what its records lack and their sampled packets show.

    Args:
        rows: with `frames`.
        batch: the same records; gets columns.
    """
    assert rows.frames is not None
    start, length, element = rows.frames
    link = Link.ETHERNET if FRAME_ELEMENTS[element] == "frame" else Link.RAW
    chosen = np.flatnonzero(length >= _LEAST_BYTES)
    if not len(chosen):
        return
    wire = rows.messages.wire
    columns = Columns(rows.length)
    at, end = start[chosen], start[chosen] + length[chosen]
    inner = _read(wire, at, end, link, chosen, columns)
    carried = np.flatnonzero(inner > 0)
    _merge(columns.batch(), batch)
    if len(carried):
        columns = Columns(rows.length)
        _read(wire, inner[carried], end[carried], Link.ETHERNET, chosen[carried], columns)
        _merge(columns.batch(), batch)


def _read(wire: Wire, start: Ints, end: Ints, link: int, rows: Ints, columns: Columns) -> Ints:
    """Read the packets; returns where a frame begins that is carried over MPLS behind a control word (RFC 4385), or 0.

    A word that begins with four zero bits behind the last label is no IP packet.
    """
    # The packet on the wire was longer than its section: no length of an IP header contradicts it.
    read_headers(wire, start, end - start, np.maximum(end - start, 1 << 16), link, rows, columns)
    views = Views(wire.data)
    layer = read_link(views, start, end, link)
    at = layer.network + 4 * layer.labels
    whole4 = (layer.ethertype == 0x0800) & (at + 20 <= end)
    whole6 = (layer.ethertype == 0x86DD) & (at + 40 <= end)
    octets = np.where(whole4, views.short(at + 2), np.where(whole6, views.short(at + 4) + 40, 0))
    found = octets > 0
    columns.put("bytes", rows[found], octets[found])
    columns.put("packets", rows[found], np.ones(int(found.sum()), np.int64))
    carried = (layer.labels > 0) & (layer.ethertype == 0) & (at + 4 + _LEAST_BYTES <= end) & (views.byte(at) >> 4 == 0)
    return np.where(carried, at + 4, 0)


def _merge(shown: FlowBatch, batch: FlowBatch) -> None:
    """Take over fields that rows of the batch do not have; what a record says itself stays."""
    for name in dict.fromkeys(PHYSICAL[column].name for column in shown.columns):
        physical, seen = FIELDS[name].physical, shown.valid.get(name)
        if physical[0] not in batch.columns:
            batch.columns.update({column: shown.columns[column] for column in physical})
            if seen is not None:
                batch.valid[name] = seen
            continue
        has = batch.valid.get(name)
        if has is None:
            continue
        take: Mask = ~has if seen is None else ~has & seen
        for column in physical:
            batch.columns[column] = np.where(take, shown.columns[column], batch.columns[column])
        batch.valid[name] = has | take
