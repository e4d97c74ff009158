"""Which flows are kept, and how many of each exporter are not."""

import numpy as np
import pytest

from nftui.engine.batch import FlowBatch
from nftui.engine.ingest.flow_filter import FlowFilter
from nftui.errors import FilterError
from nftui.text import parse_address


def batch(exporters: list[str], ports: list[int]) -> FlowBatch:
    addresses = [parse_address(one) for one in exporters]
    return FlowBatch(
        len(ports),
        {
            "dst_port": np.array(ports, np.uint16),
            "sampler_address_hi": np.array([(one >> 64) - (one >> 127 << 64) for one in addresses], np.int64),
            "sampler_address_lo": np.array([one & 0xFFFFFFFFFFFFFFFF for one in addresses], np.int64),
        },
    )


def test_what_does_not_pass_is_counted_by_exporter():
    batches = [
        batch(["192.0.2.1"] * 4, [53, 443, 53, 80]),
        batch(["192.0.2.1", "fe80::9", "fe80::9"], [53, 53, 22]),
        batch(["192.0.2.3"], [443]),
        batch(["192.0.2.1"], [53]),
    ]
    kept, dropped = FlowFilter("dst port 53").keep(batches)
    assert [one.columns["dst_port"].tolist() for one in kept] == [[53, 53], [53, 53], [53]]
    assert dropped == {
        "192.0.2.1": {"flows.filtered": 2},
        "fe80::9": {"flows.filtered": 1},
        "192.0.2.3": {"flows.filtered": 1},
    }


def test_no_filter_keeps_all():
    batches = [batch(["192.0.2.1"], [1])]
    assert FlowFilter("  ").keep(batches) == (batches, {})


def test_flows_of_a_probe_have_no_exporter():
    kept, dropped = FlowFilter("proto tcp").keep([FlowBatch(2, {"proto": np.array([6, 17], np.uint8)})])
    assert [len(one) for one in kept] == [1]
    assert dropped == {"unknown": {"flows.filtered": 1}}


def test_a_bad_filter_is_found_at_once():
    with pytest.raises(FilterError):
        FlowFilter("dst prt 53")
