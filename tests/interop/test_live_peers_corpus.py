"""Every v5, v9 and IPFIX case of the corpus into nfcapd 1.7.1: its totals and ours, case by case.

nfcapd multiplies packets and bytes by the sampling rate when it stores; we keep both. Either way counts as equal.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time

import numpy as np
import pytest
from corpus_cases import FOLDER, Case, cases
from live_peers import AT_ONCE, need, nfcapd, wait_until_read

from nftui.engine.batch import FlowBatch
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder

CASES = cases(("v5", "v9", "ipfix"))
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not CASES, reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)"),
]

Totals = tuple[int, int, int]
"""Flows, packets, bytes."""

_NO_LATE = "data before its template: nfcapd drops it, we keep it until the template comes"
_NO_FRAMES = "nfcapd does not look into sampled packets (dataLinkFrameSection, 315)"
DIFFERENCES: dict[str, tuple[Totals, str]] = {
    "ls-v5-valid-01": (
        (30, 230, 18684),
        "nfcapd takes the records that the length has room for, not the header's count",
    ),
    "ls-v5-invalid-02": ((0, 0, 0), "the count says more than the datagram holds: nfcapd drops all 30 records"),
    "gl-ixflow-data-datatemplate": ((1, 1, 103), _NO_LATE),
    "gl-ixflow-dataset-then-templates": ((1, 1, 103), _NO_LATE),
    "fl-v9-data-first": ((1, 1, 60), _NO_LATE),
    "bk-v9-mixed": ((0, 0, 0), _NO_LATE),
    "bk-ipfix-template-middle": ((22, 72, 10826), _NO_LATE),
    "vf-ipfix-multimessage": ((3, 1200, 68800), "nfcapd reads on behind the end of the IPFIX message"),
    "np-ipfix-ent-tpl-data": ((1, 0, 0), "nfcapd does not take the counters of this template (initiatorOctets, 231)"),
    "akv-srv6": ((1, 0, 0), _NO_FRAMES),
    "akv-juniper-cpid": ((1, 0, 0), _NO_FRAMES),
    "akv-evpn-mpls-cw": ((10, 0, 0), _NO_FRAMES),
    "gx-softflowd-psamp": ((0, 0, 0), "nfcapd has no place for packet reports without addresses and counters"),
}
"""Case to what nfcapd 1.7.1 makes of it, and why that differs from ours."""


def source(number: int, exporter: int) -> str:
    """A loopback address for an exporter of a case, from which `case_of` finds the case again."""
    return f"127.{10 + number // 200}.{number % 200 + 1}.{exporter + 1}"


def case_of(address: str) -> Case:
    _, high, low, _ = map(int, address.split("."))
    return CASES[(high - 10) * 200 + low - 1]


def send(number: int, case: Case, port: int) -> None:
    sockets: dict[tuple[int, int], socket.socket] = {}
    addresses: dict[int, int] = {}
    for place, datagram in enumerate(case.datagrams(), 1):
        key = (datagram.address, datagram.port)
        if key not in sockets:
            exporter = addresses.setdefault(datagram.address, len(addresses))
            sockets[key] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[key].bind((source(number, exporter), 0))
        sockets[key].sendto(datagram.payload, ("127.0.0.1", port))
        if place % AT_ONCE == 0:
            wait_until_read(port)
    wait_until_read(port)
    for opened in sockets.values():
        opened.close()


@pytest.fixture(scope="module")
def nfcapd_totals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Totals]:
    """Totals by case, of one nfcapd that saw each case from addresses of its own."""
    need("nfcapd", "nfdump")
    folder = tmp_path_factory.mktemp("corpus") / "nfcapd"
    with nfcapd(folder) as port:
        for number, case in enumerate(CASES):
            send(number, case, port)
    command = ["nfdump", "-R", str(folder), "-q", "-N", "-6", "-o", "fmt:%ra|%pkt|%byt"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"}).stdout
    totals = {case.name: (0, 0, 0) for case in CASES}
    for line in said.splitlines():
        words = [word.strip() for word in line.split("|")]
        if len(words) == 3:
            flows, packets, octets = totals[case_of(words[0]).name]
            totals[case_of(words[0]).name] = (flows + 1, packets + int(words[1]), octets + int(words[2]))
    return totals


def ours(case: Case) -> tuple[Totals, Totals]:
    """Totals as the exporter counted, and scaled by the sampling rate."""
    decoder = Decoder()
    datagrams = case.datagrams()
    sessions = [decoder.session(datagram.address, datagram.port) for datagram in datagrams]
    received = time.time_ns() // 1_000_000
    batches = decoder.decode(block_of([datagram.payload for datagram in datagrams], sessions, received)).batches
    raw, scaled = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for batch in batches:
        counted = np.array([len(batch), _values(batch, "packets").sum(), _values(batch, "bytes").sum()])
        rate = np.maximum(_values(batch, "sampling_rate"), 1)
        raw += counted
        scaled += [len(batch), (_values(batch, "packets") * rate).sum(), (_values(batch, "bytes") * rate).sum()]
    return tuple(raw.tolist()), tuple(scaled.tolist())


def _values(batch: FlowBatch, name: str) -> np.ndarray:
    """Values of a field, 0 for null."""
    if not batch.has(name):
        return np.zeros(len(batch), np.int64)
    values = batch.columns[name].astype(np.int64)
    return np.where(batch.valid[name], values, 0) if name in batch.valid else values


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_totals_are_nfcapd_s(case: Case, nfcapd_totals: dict[str, Totals]) -> None:
    raw, scaled = ours(case)
    if case.name in DIFFERENCES:
        assert nfcapd_totals[case.name] == DIFFERENCES[case.name][0]
        assert raw != nfcapd_totals[case.name]
        assert raw[0] == case.expected()["counts"]["flow_records"]
    else:
        assert nfcapd_totals[case.name] in {raw, scaled}
