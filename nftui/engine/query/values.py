"""Numbers that a filter, an order or an output column may name: integer fields and what is computed from them.

The definitions stand here in words; `mask.py` computes them with NumPy, `sql.py` writes them as SQL, and the
property test compares both with a third, slow one.

    duration   end minus start, ms
    bytes …    counter times sampling rate (scaled), or as the wire had it; the rate is 1 where unknown
    pps        packets per second, rounded down; 0 for flows without duration (nfdump)
    bps        bits per second, rounded down; 0 for flows without duration (nfdump)
    bpp        bytes per packet, rounded down; 0 for flows without packets (nfdump)
"""

from __future__ import annotations

from dataclasses import dataclass

from nftui.engine.limits import DEFAULT
from nftui.engine.schema import FIELDS, NON_NULL, Kind

COUNTERS = ("bytes", "packets", "out_bytes", "out_packets")
"""Fields that sampling multiplies."""

MAX_RATE = DEFAULT.sampling_rate
MAX_COUNTER = (2**63 - 1) // MAX_RATE
"""Counters of one sampled record are cut to this before they are multiplied, so that no product overflows 63
bits: 922 GB in one record of a sampled flow."""

MAX_SUM = 2**63 - 1
"""What sums and counters of both directions stop at: a column of the store holds no more."""

SECOND_MS = 1000
BITS_PER_BYTE_MS = 8000


@dataclass(frozen=True, slots=True)
class Value:
    """A number of a flow.

    Attributes:
        name: as in `tree.Numbers.value`.
        fields: registry fields that it is computed from.
        required: those of the fields without which it is null.
    """

    name: str
    fields: tuple[str, ...]
    required: tuple[str, ...]


def _values() -> dict[str, Value]:
    out = {f.name: Value(f.name, (f.name,), (f.name,)) for f in FIELDS.values() if f.kind is Kind.INT}
    for name in COUNTERS:
        out[name] = Value(name, (name, "sampling_rate"), (name,))
    times = ("time_flow_start_ms", "time_flow_end_ms")
    out["duration"] = Value("duration", times, times)
    out["pps"] = Value("pps", ("packets", "sampling_rate", *times), ("packets", *times))
    out["bps"] = Value("bps", ("bytes", "sampling_rate", *times), ("bytes", *times))
    out["bpp"] = Value("bpp", ("bytes", "packets"), ("bytes", "packets"))
    # NetFlow v5 and most v9 exporters send an ICMP code as the low byte of the destination port.
    out["port_code"] = Value("port_code", ("dst_port",), ("dst_port",))
    return out


VALUES: dict[str, Value] = _values()
"""All values by name."""


def nullable(value: str) -> tuple[str, ...]:
    """Fields of the value that may be null and make it null."""
    return tuple(name for name in VALUES[value].required if name not in NON_NULL)
