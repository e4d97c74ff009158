"""Records of real devices, by their vendors' templates: every value where it belongs."""

from __future__ import annotations

import pytest
from export_wire import Collector, flows, message
from vendor_records import CASES, Case, datagram

from nftui import text
from nftui.engine.elements import shown_value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_record_of_a_vendor(case: Case) -> None:
    collector = Collector()
    if case.before:
        collector.feed(message(case.version, case.before))
    batch = flows(collector.feed(datagram(case)))

    assert len(batch) == 2
    for row in range(2):
        got = {name: batch.value(name, row) for name in case.expected}
        shown = {
            name: text.address(value) if isinstance(value, int) and name.endswith(("_addr", "_hop")) else value
            for name, value in got.items()
        }
        assert shown == case.expected
        entries = {} if batch.extra is None else {(pen, number): raw for pen, number, raw in batch.extra.at(row)}
        assert {key: shown_value(*key, entries[key]) for key in case.extra} == case.extra
    assert collector.counts.get("fields.ignored", 0) == 0
