"""Files that nfcapd 1.7.1 writes here, with every compression that it offers: flow by flow as nfdump reads them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from archive_records import FROM_NFDUMP, elements, normal, rows_of, shown
from corpus_cases import FOLDER, Case, cases
from live_peers import PATIENCE_SECONDS, need, send_paced, wait_for_socket
from loopback_ports import free_port

from nftui.engine.archive.formats import open_archive

CASES = cases(("v5", "v9", "ipfix"))
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CASES, reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)"),
]
COMPRESSIONS = {"none": (), "lzo": ("-z",), "lz4": ("-y",), "bz2": ("-j",)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of each compression, with the flows of the whole corpus."""
    need("nfcapd", "nfdump")
    root = tmp_path_factory.mktemp("nfcapd")
    collectors = {}
    for name, options in COMPRESSIONS.items():
        (root / name).mkdir()
        port = free_port()
        command = ["nfcapd", "-w", str(root / name), "-b", "127.0.0.1", "-p", str(port), "-t", "86400", "-I", "corpus"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        collectors[port] = subprocess.Popen([*command, *options], **quiet)  # type: ignore[call-overload]
    try:
        for port in collectors:
            wait_for_socket(port)
        for number, case in enumerate(CASES):
            send(number, case, list(collectors))
    finally:
        for process in collectors.values():
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)
    return {name: next((root / name).iterdir()) for name in COMPRESSIONS}


def send(number: int, case: Case, ports: list[int]) -> None:
    """Each case from an address of its own, so that templates do not mix."""
    source = f"127.0.{20 + number // 200}.{number % 200 + 1}"
    send_paced((datagram.payload for datagram in case.datagrams()), *ports, source=source)


def nfdump(path: Path) -> list[dict[str, Any]]:
    environment = {**os.environ, "TZ": "UTC"}
    done = subprocess.run(
        ["nfdump", "-r", str(path), "-o", "json", "-N"], capture_output=True, text=True, check=True, env=environment
    )
    found: list[dict[str, Any]] = json.loads(done.stdout[done.stdout.index("[") :])
    return found


def compare(ours: tuple[Any, int], theirs: dict[str, Any]) -> None:
    batch, row = ours
    without_times = "first" not in theirs
    for key, field in FROM_NFDUMP.items():
        if key in theirs and not (key == "fwd_status" and without_times):
            mine, value = shown(batch, field, row), normal(theirs[key])
            both = field.endswith("next_hop") and {"0.0.0.0", "::"} >= {mine, value}
            assert mine == value or both, (key, theirs)
    for side in ("src", "dst"):
        # Of addresses of both families nfdump 1.7.1 shows one laid over the other; 1.7.8, and the corpus, as we do.
        there = [normal(theirs[key]) for key in (f"{side}4_addr", f"{side}6_addr") if key in theirs]
        assert len(there) == 2 or not there or there == [shown(batch, f"{side}_addr", row)]
    assert batch.value("sampling_rate", row) == (1 if theirs["sampled"] else None)
    if "icmp_type" in theirs:
        assert batch.value("dst_port", row) == theirs["icmp_type"] << 8 | theirs["icmp_code"]
    if "t_event" in theirs:
        unknown = theirs["t_event"].startswith("<unknown>")
        assert unknown or normal(theirs["t_event"]) in elements(batch, row, 323)
    if "user_name" in theirs:
        assert (batch.value("username", row) or "<empty>") == theirs["user_name"]
    for side in ("ingress", "egress"):
        if f"{side}_acl" in theirs:
            ids = "/".join(f"{batch.value(f'{side}_{part}_id', row):#x}" for part in ("acl", "ace", "xace"))
            assert ids == theirs[f"{side}_acl"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_flow_by_flow_equal_to_nfdump(written: dict[str, Path], compression: str) -> None:
    path = written[compression]
    theirs = nfdump(path)
    ours = rows_of(str(path))
    assert len(ours) == len(theirs) > 1500
    for mine, record in zip(ours, theirs, strict=True):
        compare(mine, record)
    kinds = {key for record in theirs for key in record}
    assert {"src6_addr", "event_id", "src4_xlt_ip", "mpls_1", "in_src_mac"} <= kinds
    assert any(record["sampled"] for record in theirs)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_ident_and_span_come_without_reading_the_flows(written: dict[str, Path], compression: str) -> None:
    archive = open_archive(str(written[compression]))
    flows = [(batch, row) for batch in open_archive(str(written[compression])).batches() for row in range(len(batch))]
    timed = [batch.value("time_flow_start_ms", row) for batch, row in flows if not batch.value("quality", row)]
    assert archive.about.ident == "corpus"
    assert archive.about.statistics["flows"] == len(timed)
    span = archive.span()
    assert span is None or span[0] == min(timed)
