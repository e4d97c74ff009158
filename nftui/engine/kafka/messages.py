"""Batches as messages: one exporter each, of a bounded size, in one of two forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nftui import text
from nftui.engine.batch import FlowBatch

Form = Literal["arrow", "protobuf"]
FORMS: tuple[Form, ...] = ("arrow", "protobuf")

_MOST_ROWS = 2000
"""Brokers take messages of a megabyte; a flow takes up to 400 bytes."""
_HALF = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Message:
    """What goes into a topic.

    Attributes:
        key: address of the exporter, as text: its flows stay in one partition and in order.
        value: the flows.
        flows: how many records they are.
    """

    key: bytes
    value: bytes
    flows: int


def messages(batch: FlowBatch, form: Form) -> Iterator[Message]:
    """The flows of a batch by exporter."""
    encode = _ENCODERS[form]
    for key, rows in _by_exporter(batch):
        for first in range(0, len(rows), _MOST_ROWS):
            part = rows[first : first + _MOST_ROWS]
            yield Message(key, encode(batch if len(part) == len(batch) else batch.take(part)), len(part))


def _by_exporter(batch: FlowBatch) -> Iterator[tuple[bytes, np.ndarray[tuple[int], np.dtype[np.int64]]]]:
    high, low = batch.columns["sampler_address_hi"], batch.columns["sampler_address_lo"]
    if (high == high[0]).all() and (low == low[0]).all():
        yield _name(int(high[0]), int(low[0])), np.arange(len(batch))
        return
    pairs, of = np.unique(np.stack([high, low], axis=1), axis=0, return_inverse=True)
    order = np.argsort(of.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(of.ravel(), minlength=len(pairs)))
    for (one, other), rows in zip(pairs.tolist(), np.split(order, ends[:-1]), strict=True):
        yield _name(one, other), rows


def _name(high: int, low: int) -> bytes:
    return text.address((high & _HALF) << 64 | low & _HALF).encode()


def _arrow(batch: FlowBatch) -> bytes:
    """An Arrow IPC stream with the store's columns."""
    import pyarrow as pa

    from nftui.engine.store.arrow import to_arrow

    data = to_arrow(batch)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_batch(data)
    return sink.getvalue().to_pybytes()


def _protobuf(batch: FlowBatch) -> bytes:
    from nftui.engine.kafka.protobuf import flow_messages

    return flow_messages(batch)


_ENCODERS: dict[Form, Callable[[FlowBatch], bytes]] = {"arrow": _arrow, "protobuf": _protobuf}
