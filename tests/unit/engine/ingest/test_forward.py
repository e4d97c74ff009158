"""Datagrams to other collectors: as they came, counted, without waiting."""

import socket

import numpy as np
import pytest

from nftui.engine.ingest import forward
from nftui.engine.ingest.forward import Forwarder, parse_target, parse_targets
from nftui.engine.ingest.udp import Endpoint
from nftui.errors import ListenError, UsageError


@pytest.fixture(params=["batch", "singly"])
def how(request, monkeypatch):
    if request.param == "singly":
        monkeypatch.setattr(forward, "_sendmmsg", lambda: None)


def open_socket(host: str = "127.0.0.1") -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host, 0))
    opened.settimeout(120)
    return opened


def arena(*payloads: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The payloads in slots of 100 bytes."""
    data = np.zeros(100 * len(payloads), np.uint8)
    for place, payload in enumerate(payloads):
        data[100 * place : 100 * place + len(payload)] = list(payload)
    return data, np.arange(len(payloads)) * 100, np.array([len(payload) for payload in payloads])


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("198.51.100.7/9995", Endpoint("198.51.100.7", 9995)),
        ("198.51.100.7:9995", Endpoint("198.51.100.7", 9995)),
        ("2001:db8::1/2055", Endpoint("2001:db8::1", 2055)),
        ("[2001:db8::1]/2055", Endpoint("2001:db8::1", 2055)),
        ("[2001:db8::1]:2055", Endpoint("2001:db8::1", 2055)),
        ("collector.example/2055", Endpoint("collector.example", 2055)),
    ],
)
def test_targets(text, endpoint):
    assert parse_target(text) == endpoint


@pytest.mark.parametrize("text", ["", "9995", "/9995", "host", "host/0", "host/x", "2001:db8::1", ":9995"])
def test_what_is_no_target_is_refused(text):
    with pytest.raises(UsageError, match=r"-R .*HOST/PORT"):
        parse_target(text)


def test_there_are_eight_targets_at_most():
    assert len(parse_targets(["h/1"] * 8)) == 8
    with pytest.raises(UsageError, match="at most 8"):
        parse_targets(["h/1"] * 9)


@pytest.mark.usefixtures("how")
def test_all_targets_get_the_same_bytes():
    payloads = [b"first", b"", bytes(range(100))]
    with open_socket() as four, open_socket("::1") as six:
        targets = [Endpoint("127.0.0.1", four.getsockname()[1]), Endpoint("::1", six.getsockname()[1])]
        forwarder = Forwarder(targets)
        assert forwarder.send(*arena(*payloads)) == {"forward.sent": 6}
        assert [[opened.recv(200) for _ in payloads] for opened in (four, six)] == [payloads, payloads]
        assert [(target.sent, target.failed) for target in forwarder.targets] == [(3, 0), (3, 0)]
        forwarder.close()


@pytest.mark.usefixtures("how")
def test_a_target_that_is_away_costs_the_others_nothing():
    with open_socket() as gone:
        port = gone.getsockname()[1]
    with open_socket() as here:
        forwarder = Forwarder([Endpoint("127.0.0.1", port), Endpoint("127.0.0.1", here.getsockname()[1])])
        for number in range(20):
            counts = forwarder.send(*arena(b"%d" % number, b"x"))
            assert sum(counts.values()) == 4
        assert [here.recv(9) for _ in range(40)][::2] == [b"%d" % number for number in range(20)]
        away, present = forwarder.targets
        assert (present.sent, present.failed) == (40, 0)
        assert away.sent + away.failed == 40
        assert away.failed > 0
        forwarder.close()


@pytest.mark.usefixtures("how")
def test_a_datagram_that_is_too_large_is_counted_and_the_next_ones_go():
    with open_socket() as here:
        forwarder = Forwarder([Endpoint("127.0.0.1", here.getsockname()[1])])
        data = np.zeros(70_000, np.uint8)
        assert forwarder.send(data, np.array([0, 0, 0]), np.array([5, 70_000, 6])) == {
            "forward.sent": 2,
            "forward.failed": 1,
        }
        assert [len(here.recv(99)) for _ in range(2)] == [5, 6]
        forwarder.close()


def test_a_full_socket_is_not_waited_for(monkeypatch):
    """What the kernel does not take at once is counted as failed."""
    forwarder = Forwarder([Endpoint("127.0.0.1", 9)])
    monkeypatch.setattr(forwarder, "_call", lambda *_: -1)
    monkeypatch.setattr(forward.ctypes, "get_errno", lambda: forward.errno.EAGAIN)
    assert forwarder.send(*arena(b"a", b"b", b"c")) == {"forward.failed": 3}
    forwarder.close()


def test_a_name_without_an_address_is_told():
    with pytest.raises(ListenError, match=r"cannot forward to nowhere\.invalid:9"):
        Forwarder([Endpoint("127.0.0.1", 9), Endpoint("nowhere.invalid", 9)])
