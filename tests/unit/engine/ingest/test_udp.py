"""Endpoints and sockets: dual stack, buffers, and errors that say who and why."""

import os
import socket
import sys
from pathlib import Path

import pytest
from loopback_ports import free_port

from nftui.engine.ingest import proc_net, udp
from nftui.engine.ingest.udp import Endpoint, listen, parse_endpoint
from nftui.errors import ListenError, UsageError

PORT = free_port()


@pytest.fixture
def opened():
    listeners = []

    def _open(endpoint: Endpoint, size: int = 1 << 20):
        listeners.append(listen(endpoint, size))
        return listeners[-1]

    yield _open
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    ("text", "bind", "expected"),
    [
        ("2055", "", Endpoint("", 2055)),
        (":2055", "", Endpoint("", 2055)),
        ("[::]:2055", "", Endpoint("", 2055)),
        ("*:2055", "", Endpoint("", 2055)),
        ("2055", "127.0.0.1", Endpoint("127.0.0.1", 2055)),
        ("192.0.2.1:9995", "127.0.0.1", Endpoint("192.0.2.1", 9995)),
        ("[2001:db8::1]:4739", "", Endpoint("2001:db8::1", 4739)),
        ("router.example:65535", "", Endpoint("router.example", 65535)),
    ],
)
def test_endpoints(text, bind, expected):
    assert parse_endpoint(text, bind) == expected


@pytest.mark.parametrize("text", ["", "0", "65536", "host:", "host", "::1:2055", "2001:db8::1", "[::1]", "-1", "²"])
def test_what_is_no_endpoint(text):
    with pytest.raises(UsageError):
        parse_endpoint(text)


def test_labels_read_back():
    for endpoint in (Endpoint("", 2055), Endpoint("192.0.2.1", 1), Endpoint("2001:db8::1", 4739)):
        assert parse_endpoint(endpoint.label) == endpoint


def test_one_socket_takes_ipv4_and_ipv6(opened):
    listener = opened(Endpoint("", PORT))
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", (host, PORT))
    senders = {listener.socket.recvfrom(10)[1][0] for _ in range(2)}
    assert senders == {"::ffff:127.0.0.1", "::1"}
    assert listener.label == f"[::]:{PORT}"


def test_without_ipv6_the_socket_is_ipv4(opened, monkeypatch):
    monkeypatch.setattr(socket, "has_ipv6", False)
    listener = opened(Endpoint("", PORT))
    assert listener.socket.family == socket.AF_INET
    assert listener.label == f"0.0.0.0:{PORT}"


def test_ipv6_switched_off_at_run_time_falls_back(opened, monkeypatch):
    real = socket.socket

    def _refuse(family=socket.AF_INET, *rest, **more):
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, *rest, **more)

    monkeypatch.setattr(udp.socket, "socket", _refuse)
    assert opened(Endpoint("", PORT)).label == f"0.0.0.0:{PORT}"


def test_explicit_ipv4_host(opened):
    listener = opened(Endpoint("127.0.0.1", PORT))
    assert listener.socket.family == socket.AF_INET
    assert listener.socket.getsockname() == ("127.0.0.1", PORT)


def test_port_in_use_names_address_and_holder(opened):
    opened(Endpoint("", PORT))
    with pytest.raises(ListenError) as error:
        listen(Endpoint("", PORT), 1 << 20)
    assert str(error.value).startswith(f"cannot listen on [::]:{PORT}: the port is in use by ")
    assert f"pid {os.getpid()}" in str(error.value)
    assert error.value.exit_code == 69


def test_foreign_address_and_unknown_host():
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is not an address of this machine"):
        listen(Endpoint("192.0.2.1", PORT), 1 << 20)
    with pytest.raises(ListenError, match=r"host name nowhere\.invalid has no address"):
        listen(Endpoint("nowhere.invalid", PORT), 1 << 20)


def test_no_permission_is_told(monkeypatch):
    class Forbidden(socket.socket):
        def bind(self, _):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(udp.socket, "socket", Forbidden)
    with pytest.raises(ListenError, match="no permission for port 514"):
        listen(Endpoint("127.0.0.1", 514), 1 << 20)


def test_granted_buffer_is_read_back(opened):
    listener = opened(Endpoint("127.0.0.1", PORT), 1 << 20)
    assert listener.buffer_bytes == 1 << 20
    assert listener.warning is None


def test_capped_buffer_gives_advice(opened, monkeypatch):
    monkeypatch.setattr(udp, "SO_RCVBUFFORCE", 9999)  # as if CAP_NET_ADMIN were missing
    wanted = 1 << 29
    listener = opened(Endpoint("127.0.0.1", PORT), wanted)
    assert listener.buffer_bytes < wanted
    assert f"sysctl net.core.rmem_max={wanted}" in listener.warning
    assert f"{listener.buffer_bytes >> 10} KiB instead of {wanted >> 10} KiB" in listener.warning


def test_kernel_drops_are_found_by_inode(opened):
    listener = opened(Endpoint("127.0.0.1", PORT), 8192)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(200):
            sender.sendto(bytes(1400), ("127.0.0.1", PORT))
    received = 0
    while True:
        try:
            listener.socket.recv(2000)
        except BlockingIOError:
            break
        received += 1
    assert 0 < received < 200
    assert proc_net.drops_by_inode()[listener.inode] == 200 - received


def test_tables_that_are_missing_or_damaged_tell_nothing(tmp_path):
    damaged = tmp_path / "udp"
    damaged.write_text("head\n1: 0100007F:0035 x\n\n2: 0:07 0:0 07 0:0 0:0 0 0 0 88 2 0 5\n")
    rows = list(proc_net.sockets((tmp_path / "absent", damaged)))
    assert rows == [proc_net.SocketRow(7, 88, 5)]


def test_drop_counter_adds_up_over_the_wrap_and_ignores_old_values():
    counter = proc_net.DropCounter()
    steps = [counter.observe(value) for value in (5, 5, 3, 0x7FFFFFFF, 0xFFFFFFFE, 2, 0xFFFFFFFF)]
    assert steps == [5, 0, 0, 0x7FFFFFFA, 0x7FFFFFFF, 4, 0]


@pytest.mark.parametrize("host", ["", "127.0.0.1", "::1"])
def test_a_shut_socket_keeps_what_it_has_and_takes_nothing_new(opened, host):
    listener = opened(Endpoint(host, PORT))
    targets = {"": ["127.0.0.1", "::1"]}.get(host, [host])
    for target in targets:
        with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"before", (target, PORT))
    listener.shut()
    for target in targets:
        with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"after", (target, PORT))
    assert [listener.socket.recv(10) for _ in targets] == [b"before"] * len(targets)
    with pytest.raises(BlockingIOError):
        listener.socket.recv(10)


@pytest.mark.parametrize(
    ("text", "endpoint", "label"),
    [
        ("tcp://4739", Endpoint("", 4739, True), "tcp://[::]:4739"),
        ("tcp://127.0.0.1:4739", Endpoint("127.0.0.1", 4739, True), "tcp://127.0.0.1:4739"),
        ("tcp://[::1]:4739", Endpoint("::1", 4739, True), "tcp://[::1]:4739"),
        ("udp://127.0.0.1:2055", Endpoint("127.0.0.1", 2055), "127.0.0.1:2055"),
        ("239.0.0.9%lo:2055", Endpoint("239.0.0.9%lo", 2055), "239.0.0.9%lo:2055"),
        ("[ff15::9%lo]:2055", Endpoint("ff15::9%lo", 2055), "[ff15::9%lo]:2055"),
    ],
)
def test_transports_and_groups(text, endpoint, label):
    assert parse_endpoint(text) == endpoint
    assert endpoint.label == label


@pytest.mark.parametrize("text", ["sctp://1", "tcp://", "tcp://tcp://1", "tcp://x"])
def test_what_is_no_transport_is_refused(text):
    with pytest.raises(UsageError):
        parse_endpoint(text)


def test_datagrams_to_a_multicast_group_arrive():
    port = free_port()
    first = listen(Endpoint("239.0.0.9%lo", port), 65_536)
    second = listen(Endpoint("239.0.0.9%lo", port), 65_536)  # another program of the machine
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            index = socket.if_nametoindex("lo")
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index.to_bytes(4, sys.byteorder))
            sender.sendto(b"to all", ("239.0.0.9", port))
        for listener in (first, second):
            listener.socket.settimeout(120)
            assert listener.socket.recv(99) == b"to all"
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize("group", ["ff12::9", "ff02::9"])
def test_a_group_of_ipv6_is_joined_on_the_interface(group):
    """The kernel's own list of members; loopback has no route for multicast of IPv6."""
    packed = socket.inet_pton(socket.AF_INET6, group).hex()

    def members() -> int:
        lines = [line.split() for line in Path("/proc/net/igmp6").read_text().splitlines()]
        return sum(int(words[3]) for words in lines if words[1] == "lo" and words[2] == packed)

    before = members()
    listener = listen(Endpoint(f"{group}%lo", free_port()), 65_536)
    assert members() == before + 1
    listener.close()
    assert members() == before


def test_an_interface_that_is_not_there_is_told():
    with pytest.raises(ListenError, match=r"cannot listen on 239\.0\.0\.9%nosuch0:"):
        listen(Endpoint("239.0.0.9%nosuch0", free_port()), 65_536)
