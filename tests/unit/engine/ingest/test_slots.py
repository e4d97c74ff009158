"""Slots: both kinds take the same datagrams with the same lengths, flags and senders."""

import socket

import numpy as np
import pytest

from nftui.engine.ingest import slots as module
from nftui.engine.ingest.slots import SPARE_BYTES, BatchSlots, Sender, Slots
from nftui.text import parse_address

KINDS = [Slots, BatchSlots]


@pytest.fixture
def pair():
    """A dual-stack receiver and a function that sends to it."""
    receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    receiver.bind(("::", 0))
    receiver.setblocking(False)
    port = receiver.getsockname()[1]
    opened = [receiver]

    def _sender(family=socket.AF_INET):
        sender = socket.socket(family, socket.SOCK_DGRAM)
        sender.connect(("127.0.0.1" if family == socket.AF_INET else "::1", port))
        opened.append(sender)
        return sender

    yield receiver, _sender
    for one in opened:
        one.close()


def content(slots):
    return [slots.data[o : o + n].tobytes() for o, n in zip(slots.offset[: slots.used], slots.length, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_datagrams_and_their_senders(kind, pair):
    receiver, sender = pair
    first, second, third = sender(), sender(), sender(socket.AF_INET6)
    sent = []
    for number in range(30):
        chosen = (first, second, third)[number % 3]
        chosen.send(bytes([number]) * number)
        sent.append(chosen.getsockname()[:2])
    slots = kind(64, 128)
    assert slots.receive(receiver) == 30
    assert content(slots) == [bytes([n]) * n for n in range(30)]
    assert not slots.oversize.any()
    senders, index = slots.senders()
    assert [senders[i] for i in index] == [Sender(parse_address(host), port) for host, port in sent]
    assert len(senders) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_rounds_reuse_the_slots_and_full_slots_leave_the_rest_to_the_kernel(kind, pair):
    receiver, sender = pair
    one, other = sender(), sender(socket.AF_INET6)
    slots = kind(4, 64)
    for number in range(6):
        other.send(bytes([number]) * 5)
    assert slots.receive(receiver) == 4
    assert slots.full
    assert slots.receive(receiver) == 0
    slots.clear()
    assert slots.receive(receiver) == 2
    one.send(b"abc")
    assert slots.receive(receiver) == 1
    assert content(slots) == [b"\4" * 5, b"\5" * 5, b"abc"]
    senders, index = slots.senders()
    assert [senders[i].address for i in index] == [1, 1, parse_address("127.0.0.1")]


@pytest.mark.parametrize("kind", KINDS)
def test_datagrams_larger_than_a_slot_are_flagged(kind, pair):
    receiver, sender = pair
    source = sender()
    for size in (64, 65, 0, 1000):
        source.send(bytes(size))
    slots = kind(8, 64)
    slots.receive(receiver)
    assert slots.length.tolist() == [64, 64, 0, 64]
    assert slots.oversize.tolist() == [False, True, False, True]
    slots.clear()
    source.send(bytes(3))
    slots.receive(receiver)
    assert slots.oversize.tolist() == [False]


@pytest.mark.parametrize("kind", KINDS)
def test_ipv4_after_ipv6_in_the_same_slot(kind, pair):
    receiver, sender = pair
    slots = kind(2, 64)
    sender(socket.AF_INET6).send(b"x")
    slots.receive(receiver)
    slots.clear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.bind(("127.0.0.1", 0))
        plain.setblocking(False)
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        source.bind(("127.0.0.2", 0))
        source.sendto(b"y", plain.getsockname())
        source.sendto(b"z", plain.getsockname())
        assert slots.receive(plain) == 2
        senders, index = slots.senders()
        assert senders == [Sender(parse_address("127.0.0.2"), source.getsockname()[1])]
        assert index.tolist() == [0, 0]
        source.close()


def test_senders_with_one_hash_are_told_apart(pair):
    receiver, sender = pair
    slots = BatchSlots(8, 64)
    slots._factors[:] = 0
    first, second = sender(), sender()
    for source in (first, second, first):
        source.send(b"x")
    slots.receive(receiver)
    senders, index = slots.senders()
    assert [senders[i].port for i in index] == [s.getsockname()[1] for s in (first, second, first)]


def test_memory_of_senders_is_bounded(pair, monkeypatch):
    monkeypatch.setattr(module, "_SENDERS_REMEMBERED", 2)
    receiver, sender = pair
    slots = BatchSlots(8, 64)
    for _ in range(5):
        sender().send(b"x")
    slots.receive(receiver)
    assert len({one.port for one in slots.senders()[0]}) == 5
    assert len(slots._senders) <= 2


def test_arena_has_spare_bytes():
    assert len(BatchSlots(3, 100).data) == 300 + SPARE_BYTES


@pytest.mark.parametrize("kind", KINDS)
def test_no_datagram_is_no_error(kind, pair):
    slots = kind(4, 64)
    assert slots.receive(pair[0]) == 0
    assert slots.senders()[0] == []
    assert slots.drops_seen is None


def test_drop_count_of_the_kernel_comes_along(pair):
    receiver, sender = pair
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    receiver.setsockopt(socket.SOL_SOCKET, 40, 1)
    source = sender()
    for _ in range(100):
        source.send(bytes(1000))
    slots = BatchSlots(200, 2000)
    received = slots.receive(receiver)
    source.send(b"x")  # the count travels with what is queued after the drop
    slots.receive(receiver)
    assert slots.drops_seen == 100 - received
    assert np.array_equal(slots.length[-1:], [1])
