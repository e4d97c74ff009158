"""Rounds of datagrams: how long they gather, who gets in, what is counted."""

import socket

import pytest
from loopback_ports import free_port

from nftui.engine.clock import SystemClock
from nftui.engine.ingest import receiver as receiver_module
from nftui.engine.ingest.allow import AllowList
from nftui.engine.ingest.receiver import LONGEST_SECONDS, SHORTEST_SECONDS, Pace, Receiver
from nftui.engine.ingest.udp import Endpoint, listen
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits
from nftui.text import parse_address

PORTS = (free_port(), free_port())
BIG = 64 << 20


@pytest.fixture
def receive():
    """Makes a receiver on loopback: (receiver, ledger)."""
    made = []

    def _receive(allow=("any",), buffer: int = BIG, **limits):
        ledger = Ledger()
        listeners = [listen(Endpoint("127.0.0.1", port), buffer) for port in PORTS]
        made.append(Receiver(listeners, AllowList(allow), ledger, SystemClock(), Limits(**limits)))
        return made[-1], ledger

    yield _receive
    for receiver in made:
        receiver.close()


def send(*payloads: bytes, port: int = PORTS[0], source: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        for payload in payloads:
            sender.sendto(payload, ("127.0.0.1", port))
        return sender.getsockname()[1]


def payloads(arrivals) -> list[bytes]:
    return [
        arrivals.data[start : start + size].tobytes()
        for start, size in zip(arrivals.offset, arrivals.length, strict=True)
    ]


def test_a_round_ends_when_it_is_large_or_old():
    pace = Pace(BIG, 500, 1_000_000)
    assert pace.pause(0, 0, 0.0) == LONGEST_SECONDS
    assert pace.pause(499, 999_999, 0.04) > 0
    assert pace.pause(500, 0, 0.0) == 0
    assert pace.pause(1, 1_000_000, 0.0) == 0
    assert pace.pause(0, 0, LONGEST_SECONDS) == 0


def test_the_pause_follows_the_rate():
    pace = Pace(BIG, 500, 1_000_000)
    pace.learn(500, 0, 0.04)
    assert pace.pause(0, 0, 0.0) == pytest.approx(0.04)
    assert pace.pause(250, 0, 0.0) == pytest.approx(0.02)
    assert pace.pause(0, 500_000, 0.09) == pytest.approx(0.01)  # what is left of the longest
    assert pace.pause(499, 0, 0.0) == SHORTEST_SECONDS
    pace.learn(0, 0, 1.0)
    assert pace.pause(0, 0, 0.0) == LONGEST_SECONDS


def test_the_kernels_buffer_is_emptied_before_a_line_fills_it():
    assert Pace(2 << 20, 500).pause(0, 0, 0.0) == pytest.approx(0.0105, abs=0.001)
    assert Pace(100_000, 500).pause(0, 0, 0.0) == SHORTEST_SECONDS


def test_a_round_gathers_what_comes_meanwhile(receive, monkeypatch):
    receiver, _ = receive(receive_slots=8)
    later = [[b"third"], [b"fourth", b"fifth", b"sixth"], [b"next round"]]
    monkeypatch.setattr(receiver_module.time, "sleep", lambda _: send(*later.pop(0)))
    send(b"first", b"second")
    receiver.gather()
    assert payloads(receiver.receive()) == [b"first", b"second", b"third", b"fourth", b"fifth", b"sixth"]
    send(*later.pop(0))
    assert payloads(receiver.receive()) == [b"next round"]


def test_a_round_takes_from_all_sockets(receive):
    receiver, ledger = receive()
    ports = [send(b"a"), send(b"b", port=PORTS[1])]
    assert receiver.wait(120)
    arrivals = receiver.receive()
    assert sorted(payloads(arrivals)) == [b"a", b"b"]
    assert sorted(sender.port for sender in arrivals.senders) == sorted(ports)
    assert ledger.snapshot() == {}
    assert not receiver.wait(0)
    assert receiver.receive() is None


def test_no_socket_starves_another(receive):
    receiver, _ = receive(receive_slots=2)
    send(*[b"busy"] * 6)
    send(b"calm", port=PORTS[1])
    rounds = [payloads(receiver.receive()) for _ in range(2)]
    assert b"calm" in rounds[1]


def test_refused_and_oversize_datagrams_are_counted_and_left_out(receive):
    receiver, ledger = receive(("127.0.0.1",), datagram_bytes=100)
    send(b"good", bytes(101))
    send(b"bad", bytes(101), source="127.0.0.2")
    send(b"good too", source="127.0.0.1")
    arrivals = receiver.receive()
    assert payloads(arrivals) == [b"good", b"good too"]
    assert {sender.address for sender in arrivals.senders} == {parse_address("127.0.0.1")}
    assert len(arrivals.senders) == 2
    assert sorted(arrivals.sender.tolist()) == [0, 1]
    assert ledger.snapshot() == {
        "datagrams.received": 3,
        "datagrams.dropped.not_allowed": 2,
        "datagrams.dropped.oversize": 1,
    }


def test_a_round_of_nothing_but_refused_datagrams_is_no_round(receive):
    receiver, ledger = receive(("10.0.0.0/8",))
    send(b"x", b"y")
    assert receiver.receive() is None
    assert ledger.snapshot() == {"datagrams.received": 2, "datagrams.dropped.not_allowed": 2}


def test_what_the_kernel_drops_is_counted_exactly_and_once(receive):
    receiver, ledger = receive(buffer=16_384)
    send(*[bytes(1400)] * 300)
    receiver.poll_drops()
    receiver.poll_drops()
    received = 0
    while arrivals := receiver.receive():
        received += len(arrivals.offset)
    send(b"x")
    received += len(receiver.receive().offset)  # the count comes along here a second time
    receiver.poll_drops()
    assert 1 < received < 301
    assert ledger.snapshot() == {"kernel.dropped": 301 - received}
