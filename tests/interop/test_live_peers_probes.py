"""Live exports of softflowd, pmacctd and fprobe into our collector, and the same datagrams into nfcapd.

Ours and nfcapd's flows must be equal one for one: addresses, ports, protocol, packets, bytes, flags, and times
where nothing is known against one of the peers:

* softflowd's v5 leaves IPv6 out (so do the sums here), and its IPFIX sequence numbers are not RFC 7011's: they go
  back and forth, which we count and nfcapd reports as sequence failures;
* softflowd that reads a file starts after the packets: their times are before its sysUptime 0, see `unwrapped`;
* pmacctd puts type and code of ICMP into the destination port; nfcapd shows that for IPFIX but not for v9;
* nfcapd does not know element 139, softflowd's type and code of ICMPv6, in v9;
* fprobe's queue of 100 packets overflows with a burst of 100 packets, so it gets a longer one.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from live_peers import (
    PATIENCE_SECONDS,
    Row,
    Tee,
    make_capture,
    need,
    nfcapd,
    nftui,
    ours,
    theirs,
    until_asleep,
    unwrapped,
    wait_for_datagrams,
    without_times,
)

pytestmark = pytest.mark.peer

START = round(time.time()) - 60
"""Time of the first packet of the made-up capture."""
CAPTURES = Path(os.environ.get("NFTUI_INTEROP", Path(__file__).parents[3] / "shared" / "interop")) / "packets"


def udp_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    return opened


def run_both(
    tmp_path: Path, export: Callable[[int], None], source: socket.socket | None = None
) -> tuple[list[Row], list[Row], dict[str, int]]:
    """Flows as we and as nfcapd stored them, and our counters, after `export` has sent to the port it is given."""
    need("nfcapd", "nfdump")
    with nftui(tmp_path / "nftui") as (port, engine), nfcapd(tmp_path / "nfcapd") as peer_port:
        tee = Tee(source or udp_socket(), [port, peer_port])
        tee.start()
        export(tee.port)
        datagrams = tee.finish()
        assert datagrams > 0
        wait_for_datagrams(engine, datagrams)
    counts = engine.ledger.snapshot()
    assert counts["datagrams.decoded"] == datagrams
    return sorted(ours(tmp_path / "nftui").elements()), sorted(theirs(tmp_path / "nfcapd").elements()), counts


def softflowd(capture: Path, version: int) -> Callable[[int], None]:
    need("softflowd")
    # Without `-c none` softflowd 1.1.0 waits for ever on its control socket when it reads a file.
    return lambda port: run_quietly(
        ["softflowd", "-r", str(capture), "-n", f"127.0.0.1:{port}", "-v", str(version), "-c", "none"]
    )


def without_icmp(rows: Iterable[Row], protocols: set[int]) -> list[Row]:
    """Rows in order, with no destination port where the protocol is one of these."""
    return sorted((*row[:3], 0, *row[4:]) if row[4] in protocols else row for row in rows)


def run_quietly(command: list[str]) -> None:
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS)
    said = ended.stdout.decode(errors="replace")
    # pmacctd ends with 1 when its plugin, which has exported everything, is faster to end than itself.
    assert ended.returncode == 0 or "no more plugins active" in said, said


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("capture") / "made.pcap"
    make_capture(path, START)
    return path


@pytest.mark.parametrize(("version", "flows", "packets"), [(5, 81, 243), (9, 108, 324), (10, 108, 324)])
def test_softflowd(tmp_path: Path, capture: Path, version: int, flows: int, packets: int) -> None:
    mine, others, counts = run_both(tmp_path, softflowd(capture, version))
    assert (len(mine), sum(row[5] for row in mine)) == (flows, packets)
    hidden = {58} if version == 9 else set()
    assert without_icmp(mine, hidden) == without_icmp(map(unwrapped, others), hidden)
    assert counts.get("times.repaired", 0) == 0
    assert all(abs(row[8] / 1000 - START) < 2 for row in mine)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("http-ipv6.pcap", 9), ("http-ipv6.pcap", 10), ("sctp.pcap", 9), ("icmp-traceroute.pcapng", 10),
        *((name, version) for name in ("workshop-browse.pcap", "test-tcpreplay.pcap") for version in (5, 9, 10)),
    ],
)  # fmt: skip
def test_softflowd_on_real_captures(tmp_path: Path, name: str, version: int) -> None:
    if not (CAPTURES / name).exists():
        pytest.skip(f"no capture {name}: NFTUI_INTEROP does not lead to the interop data")
    mine, others, _ = run_both(tmp_path, softflowd(CAPTURES / name, version))
    assert mine
    assert without_times(mine) == without_times(others)


@pytest.mark.parametrize("version", [9, 10])
def test_pmacctd_nfprobe(tmp_path: Path, capture: Path, version: int) -> None:
    need("pmacctd")

    def export(port: int) -> None:
        config = tmp_path / "pmacctd.conf"
        config.write_text(
            f"daemonize: false\npcap_savefile: {capture}\nplugins: nfprobe\nnfprobe_receiver: 127.0.0.1:{port}\n"
            f"nfprobe_version: {version}\naggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags\n"
        )
        run_quietly(["pmacctd", "-f", str(config)])

    mine, others, _ = run_both(tmp_path, export)
    assert (len(mine), sum(row[5] for row in mine)) == (108, 324)
    assert {row[3] for row in mine if row[4] == 1} == {0x0800}
    hidden = {1, 58} if version == 9 else set()
    assert without_icmp(mine, hidden) == without_icmp(others, hidden)


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace with nothing but `lo`; gone at the end."""
    need("ip")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    name = f"nftui-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no network namespace here: {made.stderr.strip()}")
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def socket_in(namespace: str) -> socket.socket:
    """A bound UDP socket that lives in the namespace: a thread enters it and opens the socket there."""
    made: list[socket.socket] = []

    def enter() -> None:
        with open(f"/run/netns/{namespace}") as place:
            assert ctypes.CDLL(None).setns(place.fileno(), 0x40000000) == 0
        made.append(udp_socket())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


TALK = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 5353))
for i in range(40):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind(("127.0.0.2", 20000 + i))
    for _ in range(i % 3 + 1):
        client.sendto(b"x" * (100 + i), ("127.0.0.1", 5353))
listener = socket.create_server(("127.0.0.1", 8080))
for i in range(5):
    client = socket.create_connection(("127.0.0.1", 8080), source_address=("127.0.0.3", 30000 + i))
    peer, _ = listener.accept()
    client.sendall(b"y" * 1000 * i)
    client.close()
    while peer.recv(65536):
        pass
    peer.close()
"""
"""40 UDP flows of 1 to 3 packets, and 5 TCP connections, which are 10 flows."""


def test_fprobe_on_a_live_interface(tmp_path: Path, namespace: str) -> None:
    need("fprobe")
    inside = ["ip", "netns", "exec", namespace]

    def export(port: int) -> None:
        probe = subprocess.Popen(
            [*inside, "fprobe", "-i", "lo", "-f", f"ip and not port {port}", "-s", "1", "-q", "9999", "-l", "2",
             f"127.0.0.1:{port}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert probe.stdout is not None
        try:
            while "collector #1" not in probe.stdout.readline():
                assert probe.poll() is None
            until_asleep(probe.pid, 1.0)  # fprobe says so before it listens
            subprocess.run([*inside, sys.executable, "-c", TALK], check=True)
            until_asleep(probe.pid, 1.5)
        finally:
            probe.terminate()  # fprobe sends what it holds
            probe.wait(PATIENCE_SECONDS)

    mine, others, _ = run_both(tmp_path, export, socket_in(namespace))
    assert mine == others
    udp = {(row[0], row[1]): (row[5], row[6]) for row in mine if row[4] == 17}
    assert udp == {("127.0.0.2", 20000 + i): (i % 3 + 1, (i % 3 + 1) * (28 + 100 + i)) for i in range(40)}
    assert len([row for row in mine if row[4] == 6]) == 10
