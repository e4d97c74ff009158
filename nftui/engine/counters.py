"""Counting: nothing is received, dropped, skipped or repaired without a number.

Parts of the program collect their numbers in a plain dict while they work and commit them together to a ledger
(`nftui.engine.ledger`), so that sums which must hold, such as `received = decoded + rejected + dropped`, hold in
every snapshot and not only at rest.

Names are dotted, `subject.kind`, for example `datagrams.rejected.short`. Prefixes are sums to be made by
the reader with `total`; a ledger never holds the same event twice. `docs/counters.md` lists all names.
"""

from __future__ import annotations

from collections.abc import Mapping

Counts = dict[str, int]
"""Counter name to amount, as collected by one piece of work."""


def add(into: Counts, other: Mapping[str, int]) -> None:
    """Add each amount of `other` to the same name in `into`."""
    for name, amount in other.items():
        into[name] = into.get(name, 0) + amount


def total(counts: Mapping[str, int], prefix: str) -> int:
    """Sum of the counter `prefix` itself and of all `prefix.*`."""
    dotted = prefix + "."
    return sum(amount for name, amount in counts.items() if name == prefix or name.startswith(dotted))


def datagram_balance(counts: Mapping[str, int]) -> int:
    """`received - decoded - rejected - dropped`; 0 when every datagram is accounted for."""
    return (
        counts.get("datagrams.received", 0)
        - counts.get("datagrams.decoded", 0)
        - total(counts, "datagrams.rejected")
        - total(counts, "datagrams.dropped")
    )


def record_balance(counts: Mapping[str, int]) -> int:
    """`records - flows - options - skipped`; 0 when every record is accounted for."""
    return (
        counts.get("records.seen", 0)
        - counts.get("records.flows", 0)
        - counts.get("records.options", 0)
        - total(counts, "records.skipped")
    )


def flow_balance(counts: Mapping[str, int]) -> int:
    """`flows - stored - in memory - filtered - failed`; 0 when every flow is accounted for."""
    return (
        counts.get("flows.in", 0)
        - counts.get("flows.stored", 0)
        - counts.get("flows.in_memory", 0)
        - counts.get("flows.filtered", 0)
        - total(counts, "flows.failed")
    )
