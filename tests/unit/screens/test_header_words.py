"""Names of numbers in packet headers."""

from __future__ import annotations

import pytest

from nftui.screens.header_words import icmp, tos


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0x00: DSCP 0 (default), no ECN"), (0xB8, "0xb8: DSCP 46 (EF, expedited), no ECN"),
     (0x2B, "0x2b: DSCP 10 (AF11), CE: congestion"), (0x09, "0x09: DSCP 2 (unassigned), ECT(1)"),
     (0xFE, "0xfe: DSCP 63 (unassigned), ECT(0)")],
)  # fmt: skip
def test_type_of_service(value: int, words: str) -> None:
    assert tos(value) == words


@pytest.mark.parametrize(
    ("protocol", "kind", "code", "words"),
    [(1, 8, 0, "echo request"), (1, 3, 3, "destination unreachable, port"), (1, 11, 0, "time exceeded, in transit"),
     (58, 135, 0, "neighbour solicitation"), (58, 1, 4, "destination unreachable, port"),
     (1, 200, 1, "type without a name"),
     (1, 3, 99, "destination unreachable"), (58, 2, None, "packet too big")],
)  # fmt: skip
def test_icmp(protocol: int, kind: int, code: int | None, words: str) -> None:
    assert icmp(protocol, kind, code) == words
