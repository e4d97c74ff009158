"""What others make of our exports: nfcapd, nfacctd and tshark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from live_peers import PATIENCE_SECONDS, wait_for_socket
from loopback_ports import free_port
from probe_packets import START, write_pcap
from probe_peers import (
    Totals,
    captures,
    conversations,
    listening,
    need,
    nfcapd,
    nfdump_totals,
    run_probe,
    run_softflowd,
)

pytestmark = pytest.mark.peer

GENERATED = captures()


@pytest.mark.parametrize("version", ["5", "9", "10"])
@pytest.mark.parametrize("name", ["mixed", "vlan", "mpls", "fragments", "long lived", "ip options"])
def test_nfcapd_reads_the_totals_that_softflowd_sent(tmp_path: Path, name: str, version: str) -> None:
    need("softflowd", "nfcapd", "nfdump")
    frames, times = GENERATED[name]
    capture = write_pcap(tmp_path / "a.pcap", frames, times)
    port = free_port()
    options = ["-n", f"127.0.0.1:{port}", "-v", version]
    with nfcapd(tmp_path / "theirs", port):
        run_softflowd(capture, *options)
    with nfcapd(tmp_path / "ours", port):
        run_probe(capture, *options, "--fragments", "separate")
    found = nfdump_totals(tmp_path / "ours")
    assert without_icmp6_type(found) == without_icmp6_type(nfdump_totals(tmp_path / "theirs"))
    assert sum(count for (_, what), count in found.items() if what == "packets") >= len(frames) * 0.7


def without_icmp6_type(totals: Totals) -> Totals:
    """nfcapd 1.7.1 loses type and code of ICMPv6 in softflowd's v9, and has them in ours."""
    out: Totals = Counter()
    for (key, what), count in totals.items():
        out[(*key[:3], 0 if key[4] == 58 else key[3], key[4]), what] += count
    return out


def test_nfcapd_reads_our_times(tmp_path: Path) -> None:
    need("nfcapd", "nfdump")
    frames, times = GENERATED["long lived"]
    capture = write_pcap(tmp_path / "a.pcap", frames[:20], times)
    for version in ("5", "9", "10"):
        port = free_port()
        directory = tmp_path / version
        with nfcapd(directory, port):
            run_probe(capture, "-n", f"127.0.0.1:{port}", "-v", version)
        command = ["nfdump", "-R", str(directory), "-q", "-N", "-o", "fmt:%tsr|%ter"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert [tuple(map(float, line.split("|"))) for line in lines] == [(START, START + 19 * 3600)], version


@pytest.mark.parametrize("options", [
    ["-v", "5"], ["-v", "9"], ["-v", "10"], ["-v", "10", "-b"], ["-v", "9", "-T", "ether", "-x", "10", "-s", "2"],
], ids=" ".join)  # fmt: skip
def test_tshark_finds_nothing_malformed(tmp_path: Path, options: list[str]) -> None:
    need("tshark")
    frames = [*conversations(False), *GENERATED["mpls"][0], *GENERATED["vlan"][0], *conversations(True)]
    capture = write_pcap(tmp_path / "a.pcap", frames)
    port = free_port()
    with listening(port) as datagrams:
        run_probe(capture, "-n", f"127.0.0.1:{port}", *options)
    from probe_packets import ethernet, ip

    wrapped = [
        ethernet(ip("192.0.2.1", "192.0.2.2", 17, (40_000).to_bytes(2, "big") + (2055).to_bytes(2, "big")
                    + (len(data) + 8).to_bytes(2, "big") + bytes(2) + data))
        for data in datagrams
    ]  # fmt: skip
    exports = write_pcap(tmp_path / "exports.pcap", wrapped)
    command = ["tshark", "-r", str(exports), "-d", "udp.port==2055,cflow", "-V"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Malformed" not in text
    assert "Exception" not in text
    assert "No template found" not in text
    assert text.count("Cisco NetFlow/IPFIX") == len(datagrams)


@pytest.mark.parametrize("version", ["5", "9", "10"])
def test_nfacctd_counts_the_same_totals(tmp_path: Path, version: str) -> None:
    need("nfacctd")
    frames = conversations(False)
    capture = write_pcap(tmp_path / "a.pcap", frames)
    port = free_port()
    output = tmp_path / "out.json"
    (tmp_path / "nfacctd.conf").write_text(
        f"nfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: print\nprint_output: json\n"
        f"print_output_file: {output}\nprint_refresh_time: 1\nprint_output_file_append: true\n"
        "aggregate: src_host, dst_host, src_port, dst_port, proto\n"
    )
    command = ["nfacctd", "-f", str(tmp_path / "nfacctd.conf")]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for_socket(port)
        time.sleep(0.5)
        run_probe(capture, "-n", f"127.0.0.1:{port}", "-v", version)
        end = time.monotonic() + PATIENCE_SECONDS
        while printed(output)["packets"] < len(frames) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(PATIENCE_SECONDS)
    assert printed(output) == {"packets": len(frames), "bytes": sum(len(frame) - 14 for frame in frames)}


def printed(output: Path) -> Counter[str]:
    """Sums of what nfacctd has printed, without a line that it is still writing."""
    found: Counter[str] = Counter()
    for line in output.read_text().rpartition("\n")[0].splitlines() if output.exists() else ():
        record = json.loads(line)
        found["packets"] += record["packets"]
        found["bytes"] += record["bytes"]
    return found
