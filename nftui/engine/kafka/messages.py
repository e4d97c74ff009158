"""Flows as messages: one exporter each, of a bounded size, in one of two forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
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


def messages(batch: FlowBatch, form: Form) -> list[Message]:
    """The flows of a batch by exporter, each exporter's in the order of the batch.

    All rows are encoded together and cut afterwards: an encoding of its own for each of a thousand exporters would take
    a hundred times as long.
    """
    batch, keys, bounds = _by_exporter(batch)
    values = _ENCODERS[form](batch, bounds)
    sizes = [stop - start for start, stop in pairwise(bounds)]
    return [Message(key, value, flows) for key, value, flows in zip(keys, values, sizes, strict=True)]


def _by_exporter(batch: FlowBatch) -> tuple[FlowBatch, list[bytes], list[int]]:
    """The batch sorted by exporter, the key of each message, and the rows at which messages begin, with the end."""
    high, low = batch.columns["sampler_address_hi"], batch.columns["sampler_address_lo"]
    if not ((high == high[0]).all() and (low == low[0]).all()):
        order = np.lexsort((low, high))
        batch, high, low = batch.take(order), high[order], low[order]
    changes = np.flatnonzero((high[1:] != high[:-1]) | (low[1:] != low[:-1])) + 1
    keys: list[bytes] = []
    bounds: list[int] = []
    for first, stop in pairwise([0, *changes.tolist(), len(batch)]):
        starts = range(first, stop, _MOST_ROWS)
        keys += [_name(int(high[first]), int(low[first]))] * len(starts)
        bounds += starts
    return batch, keys, [*bounds, len(batch)]


def _name(high: int, low: int) -> bytes:
    return text.address((high & _HALF) << 64 | low & _HALF).encode()


def _arrow(batch: FlowBatch, bounds: Sequence[int]) -> list[bytes]:
    """Arrow IPC streams with the store's columns. LZ4 within them: they wait in a third of the memory."""
    import pyarrow as pa

    from nftui.engine.store.arrow import to_arrow

    data = to_arrow(batch)
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    values = []
    for start, stop in pairwise(bounds):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, data.schema, options=options) as writer:
            writer.write_batch(data.slice(start, stop - start))
        values.append(sink.getvalue().to_pybytes())
    return values


def _protobuf(batch: FlowBatch, bounds: Sequence[int]) -> list[bytes]:
    from nftui.engine.kafka.protobuf import flow_messages

    return flow_messages(batch, bounds)


_ENCODERS: dict[Form, Callable[[FlowBatch, Sequence[int]], list[bytes]]] = {"arrow": _arrow, "protobuf": _protobuf}
