"""Anonymised as nfanon 1.7.1 does it: equal IPv4 addresses.

It does IPv6 by a rule of its own (and the destination from the source); ours is that of yacryptopan and
node-cryptopan, whose vectors are in the unit tests.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from live_peers import need

from nftui.cli import main
from nftui.engine.archive.formats import open_archive
from nftui.engine.archive.write_nfdump import NfdumpWriter
from nftui.engine.archive.writing import Sink
from nftui.engine.batch import FlowBatch, concat

pytestmark = pytest.mark.peer

KEY = "0x1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202"
TEXT_KEY = "32-char-str-for-AES-key-and-pad."
V4 = 0xFFFF << 32


def flows() -> FlowBatch:
    """300 IPv4 flows and 100 IPv6 flows with random addresses."""
    rng = np.random.default_rng(3)
    count = 400
    v6 = np.arange(count) >= 300
    batch = FlowBatch(count)
    for name in ("src_addr", "dst_addr", "next_hop"):
        batch.columns[f"{name}_hi"] = np.where(v6, rng.integers(1, 1 << 62, count), 0)
        batch.columns[f"{name}_lo"] = np.where(
            v6, rng.integers(1, 1 << 62, count), V4 | rng.integers(1, 1 << 32, count)
        )
    batch.columns |= {
        "sampler_address_hi": np.zeros(count, np.int64), "sampler_address_lo": np.full(count, V4 | 0xC0000201),
        "time_received_ms": np.full(count, 1_700_000_000_000), "time_flow_start_ms": np.full(count, 1_699_999_990_000),
        "time_flow_end_ms": np.full(count, 1_699_999_999_000), "flow_source": np.full(count, 9, np.uint8),
        "flows": np.ones(count, np.int64), "quality": np.zeros(count, np.uint16),
        "src_port": np.arange(count).astype(np.uint16), "dst_port": np.full(count, 80, np.uint16),
        "proto": np.full(count, 6, np.uint8), "packets": np.ones(count, np.int64), "bytes": np.full(count, 40),
    }  # fmt: skip
    return batch


def addresses(path: Path) -> dict[int, tuple[int, int, int]]:
    """Source, destination and next hop by source port."""
    found = concat(list(open_archive(str(path)).batches()))
    names = ("src_addr", "dst_addr", "next_hop")
    return {
        int(found.columns["src_port"][row]): tuple(int(found.value(name, row) or 0) for name in names)  # type: ignore[call-overload, misc]
        for row in range(len(found))
    }


@pytest.mark.parametrize("key", [KEY, TEXT_KEY])
def test_the_same_addresses_as_nfanon(tmp_path: Path, key: str) -> None:
    need("nfanon")
    source, theirs, ours = (tmp_path / name for name in ("source.nfdump", "theirs.nfdump", "ours.nfdump"))
    sink = Sink(source)
    writer = NfdumpWriter(sink)
    writer.begin()
    writer.write(flows())
    writer.finish()
    sink.close()
    subprocess.run(["nfanon", "-q", "-K", key, "-r", str(source), "-w", str(theirs)], check=True, capture_output=True)
    assert main.run(["convert", "--anonymize", key, str(source), str(ours)]) == 0
    real, found, wanted = addresses(source), addresses(ours), addresses(theirs)
    assert found.keys() == wanted.keys()
    equal = Counter(
        (port < 300, side) for port in found for side in range(3) if found[port][side] == wanted[port][side]
    )
    assert equal[True, 0] == equal[True, 1] == 300
    assert found[0] != real[0]
    assert equal[True, 2] == 300
    assert equal[False, 0] == equal[False, 1] == 0
