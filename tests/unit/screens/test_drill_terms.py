"""Filters for cells and rows of every view: they select exactly the flows that the row counts."""

from __future__ import annotations

import numpy as np
import pytest

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.clock import ManualClock
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter
from nftui.engine.schema import FIELDS, Kind, Show
from nftui.screens.drill import cell_term, combine, is_part, row_filter
from nftui.screens.views import all_views, known_view

V4 = 0xFFFF << 32


def traffic() -> FlowBatch:
    """Flows over few values of every groupable field, some of them absent."""
    random = np.random.default_rng(3)
    count = 300
    batch = FlowBatch(count)
    for field in FIELDS.values():
        if field.kind is Kind.TEXT:
            batch.text[field.name] = TextColumn(random.integers(-1, 3, count).astype(np.int32), ["web", "a b", "=x*1"])
        elif field.kind is Kind.ADDRESS:
            batch.columns[field.name + "_hi"] = np.zeros(count, np.int64)
            batch.columns[field.name + "_lo"] = (V4 | 0x0A000000) + random.integers(0, 4, count)
        elif field.kind is Kind.INT:
            values = random.integers(0, 3, count)
            if field.name == "proto":
                values = np.array([6, 17, 1])[values]
            if field.show is Show.TCP_FLAGS:
                values = np.array([2, 27, 256])[values]
            if field.show is Show.TIME:
                values = values * 0 + 1_790_000_000_000
            batch.columns[field.name] = values.astype(field.dtype)
        if field.kind in {Kind.INT, Kind.ADDRESS} and field.groupable and field.name != "sampler_address":
            batch.valid[field.name] = random.random(count) < 0.8
    batch.columns["flows"] = np.ones(count, np.int64)
    batch.columns["sampling_rate"][:] = 1
    return batch


VIEWS = [entry.view for entry in all_views() if entry.view != "flows"]


@pytest.mark.parametrize("view", VIEWS)
def test_the_filter_of_a_row_selects_the_flows_that_it_counts(view: str) -> None:
    window = LiveWindow(ManualClock(1_790_000_000_000))
    window.add(traffic())
    snapshot = window.snapshot(LiveRequest(view, limit=12, sort="bytes"))
    assert len(snapshot) > 0
    told = 0
    for row in range(len(snapshot)):
        values = {name: column[row] for name, column in snapshot.values.items()}
        keys = [str(values[column.name]) for column in snapshot.columns if isinstance(values[column.name], str)]
        term = row_filter(view, values.get)
        if term is None or (not view.startswith("by:") and "-" in keys):
            continue
        told += 1
        answer = window.snapshot(LiveRequest("flows", parse_filter(term), limit=1))
        assert answer.total.matched.flows == values["flows"], (term, keys)
    assert told or "mpls" in view  # labels have no value to type


def test_terms_of_cells() -> None:
    assert cell_term("tcp_flags", "...AP.SF") == "tcp_flags 27"
    assert cell_term("tcp_flags", "0x100") == "tcp_flags 0x100"
    assert cell_term("forwarding_status", "DropAclDeny") == "forwarding_status 129"
    assert cell_term("etype", "0x86dd") == "etype 0x86dd"
    assert cell_term("application_name", 'say "x"') is None
    assert cell_term("in_src_mac", "00:00:5e:00:53:01") == "in_src_mac 00:00:5e:00:53:01"
    assert cell_term("addr", "10.0.0.1", "by:natip") == "(post_nat_src_addr 10.0.0.1 or post_nat_dst_addr 10.0.0.1)"
    assert cell_term("addr", "10.0.0.1", "by:ip") == "ip 10.0.0.1"
    assert cell_term("port", "-", "by:port") == "not (src_port defined and dst_port defined)"
    for column, value in (("bytes", 5), ("time_received_ms", 5), ("trend", [1]), ("mpls_1", "5-0-1"), ("proto", "-")):
        assert cell_term(column, value) is None


def test_excluding_what_lacks_a_field_is_asking_for_it() -> None:
    assert combine("", "not src_vlan defined", exclude=True) == "not (not src_vlan defined)"


def test_cells_that_are_a_part_of_their_row() -> None:
    assert is_part("pair", "src_addr")
    assert is_part("conversation", "dst_port")
    assert is_part("by:port:p", "proto")
    assert not is_part("host", "addr")
    assert not is_part("pair", "bytes")
    assert not is_part("by:vlan", "vlan")


def test_names_of_views() -> None:
    assert all(known_view(view) for view in VIEWS)
    assert not any(known_view(view) for view in ("", "by:", "by:nothing", "vlan", "by:vlan:x"))
    titles = [entry.title for entry in all_views()]
    assert len(set(VIEWS)) == len(VIEWS)
    assert "conversations" in titles
