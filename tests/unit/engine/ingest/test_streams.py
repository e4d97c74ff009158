"""IPFIX over TCP: framing, sessions, bounds. The peer is a plain socket."""

import socket
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from export_wire import NOW_S, a_set, ipfix, template
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.clock import Clock, ManualClock, SystemClock
from nftui.engine.ingest.allow import AllowList
from nftui.engine.ingest.rate_limit import RateLimiter
from nftui.engine.ingest.streams import StreamReceiver, split_messages
from nftui.engine.ingest.udp import Endpoint
from nftui.engine.ledger import Ledger
from nftui.engine.limits import Limits
from nftui.errors import ListenError

TEMPLATE = ipfix(template(10, 256, [(8, 4), (12, 4), (1, 4)]))
DATA = ipfix(a_set(256, bytes([192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 99])), 0)


class Taken:
    """Stands where the pipeline stands."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, bytes]] = []
        self.sessions: list[tuple[int, int]] = []
        self.ended: list[int] = []
        self.room = True

    def has_room(self) -> bool:
        return self.room

    def session(self, address: int, port: int, stream: bool = False) -> int:
        assert stream
        self.sessions.append((address, port))
        return len(self.sessions) - 1

    def feed(self, block) -> None:
        for start, size, session in zip(block.offset, block.length, block.session, strict=True):
            self.messages.append((int(session), block.data[start : start + size].tobytes()))

    def end(self, session: int) -> None:
        self.ended.append(session)


class Running:
    """A receiver in a thread."""

    def __init__(
        self, host: str = "127.0.0.1", allow=("any",), rate: int = 0, clock: Clock | None = None, **limits
    ) -> None:
        self.ledger, self.taken, clock = Ledger(), Taken(), clock or SystemClock()
        self.receiver = StreamReceiver(
            [Endpoint(host, 0, True)], AllowList(allow), RateLimiter(rate, clock), self.ledger, clock, Limits(**limits)
        )
        self.port = int(self.receiver.labels[0].rpartition(":")[2])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.receiver.run, args=(self._stopping, self.taken))
        self._thread.start()

    def connect(self, host: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection((host, self.port), timeout=120)

    def count(self, name: str) -> int:
        return self.ledger.snapshot().get(name, 0)

    def wait(self, condition) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end, (self.ledger.snapshot(), self.taken.messages)
            time.sleep(0.005)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(120)
        self.receiver.close()


@pytest.fixture
def run():
    made: list[Running] = []

    def _run(*arguments, **more) -> Running:
        made.append(Running(*arguments, **more))
        return made[-1]

    yield _run
    for one in made:
        one.stop()


def closed(peer: socket.socket) -> bool:
    """Whether the other side has ended the connection."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


@given(st.lists(st.integers(0, 300), max_size=8), st.data())
def test_messages_come_out_however_the_bytes_are_cut(sizes, data):
    messages = [ipfix(bytes([number % 251]) * size) for number, size in enumerate(sizes)]
    stream = b"".join(messages) + DATA[:7]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    waiting, found = bytearray(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        waiting += stream[start:end]
        part, broken = split_messages(waiting)
        assert not broken
        found += part
    assert found == messages
    assert bytes(waiting) == DATA[:7]


@pytest.mark.parametrize("wrong", [b"\x00\x09\x00\x20", b"\x00\x0a\x00\x0f", b"GET ", b"\x00\x00\x00\x00"])
def test_what_is_no_message_is_seen_after_those_before_it(wrong):
    waiting = bytearray(TEMPLATE + DATA + wrong)
    assert split_messages(waiting) == ([TEMPLATE, DATA], True)


def test_messages_arrive_in_order_and_the_session_ends_with_the_connection(run):
    running = run()
    with running.connect() as peer:
        port = peer.getsockname()[1]
        for cut in (5, 30, len(TEMPLATE + DATA * 100)):
            peer.sendall((TEMPLATE + DATA * 100)[max(0, {5: 0, 30: 5}.get(cut, 30)) : cut])
            time.sleep(0.01)
    running.wait(lambda: running.taken.ended == [0])
    assert running.taken.messages == [(0, TEMPLATE)] + [(0, DATA)] * 100
    assert running.taken.sessions == [(0xFFFF7F000001, port)]
    assert running.ledger.snapshot() == {"connections.opened": 1, "connections.ended.closed": 1}
    assert running.ledger.exporters() == {"127.0.0.1": {"connections.ended.closed": 1}}


def test_ipv6_and_several_connections_have_sessions_of_their_own(run):
    running = run("::1")
    with running.connect("::1") as first, running.connect("::1") as second:
        first.sendall(DATA)
        second.sendall(TEMPLATE)
        running.wait(lambda: len(running.taken.messages) == 2)
        ports = {running.taken.sessions[session][1]: message for session, message in running.taken.messages}
        assert ports == {first.getsockname()[1]: DATA, second.getsockname()[1]: TEMPLATE}
        assert {address for address, _ in running.taken.sessions} == {1}


def test_nonsense_ends_its_connection_only(run):
    running = run()
    with running.connect() as good, running.connect() as bad:
        bad.sendall(DATA + b"GET / HTTP/1.1\r\n\r\n")
        assert closed(bad)
        good.sendall(DATA)
        running.wait(lambda: len(running.taken.messages) == 2)
        assert running.count("connections.ended.framing") == 1


def test_who_may_not_send_may_not_connect(run):
    running = run(allow=("10.0.0.0/8",))
    with running.connect() as peer:
        assert closed(peer)
    assert running.ledger.snapshot() == {"connections.refused.not_allowed": 1}
    assert running.taken.sessions == []


def test_connections_are_bounded(run):
    running = run(connections=3, connections_per_exporter=2)
    with running.connect() as first, running.connect() as second, running.connect() as third:
        assert closed(third)
        for peer in (first, second):
            peer.sendall(DATA)
        running.wait(lambda: len(running.taken.messages) == 2)
        assert running.count("connections.refused.limit") == 1
    running.wait(lambda: running.count("connections.ended.closed") == 2)
    with running.connect() as again:
        again.sendall(DATA)
        running.wait(lambda: len(running.taken.messages) == 3)


def test_a_message_must_be_complete_in_time(run):
    clock = ManualClock()
    running = run(clock=clock, message_seconds=0.3)
    with running.connect() as silent, running.connect() as slow, running.connect() as good:
        good.sendall(DATA)
        slow.sendall(DATA + DATA[:5])
        running.wait(lambda: len(running.taken.messages) == 2 and running.count("connections.opened") == 3)
        clock.advance(0.4)
        assert closed(silent)
        assert closed(slow)
        assert running.count("connections.ended.stalled") == 2
        good.sendall(DATA)  # nothing is due of this one
        running.wait(lambda: len(running.taken.messages) == 3)


def test_an_idle_connection_ends(run):
    running = run(connection_idle_seconds=0.2)
    with running.connect() as peer:
        peer.sendall(DATA)
        assert closed(peer)
        assert running.count("connections.ended.idle") == 1


def test_an_exporter_waits_while_the_store_is_behind(run):
    running = run()
    running.taken.room = False
    with running.connect() as peer:
        peer.setblocking(False)
        sent = 0
        with suppress(BlockingIOError):
            while True:
                sent += peer.send(DATA * 1000)
        assert sent > len(DATA)
        assert running.taken.messages == []
        running.taken.room = True
        peer.setblocking(True)
        whole = -sent % len(DATA)
        peer.sendall(DATA[len(DATA) - whole :] if whole else b"")
        running.wait(lambda: len(running.taken.messages) == (sent + whole) // len(DATA))


def test_who_waits_for_us_is_not_late(run):
    clock = ManualClock()
    running = run(clock=clock, message_seconds=0.3)
    with running.connect() as peer:
        peer.sendall(DATA[:9])
        running.wait(lambda: running.count("connections.opened") == 1)
        running.taken.room = False
        peer.sendall(DATA[9:])
        clock.advance(0.6)
        time.sleep(0.3)  # some rounds in which nothing is read
        running.taken.room = True
        running.wait(lambda: running.taken.messages == [(0, DATA)])
    assert running.count("connections.ended.stalled") == 0


def test_an_exporter_over_its_rate_waits_and_loses_nothing(run):
    running = run(rate=200)
    with running.connect() as peer:
        peer.sendall(DATA * 250)
        running.wait(lambda: len(running.taken.messages) == 250)
        began = time.monotonic()
        peer.sendall(DATA)
        running.wait(lambda: len(running.taken.messages) == 251)
        assert time.monotonic() >= began
    assert {session for session, _ in running.taken.messages} == {0}


def test_what_the_kernel_holds_is_taken_at_the_end(run):
    running = run()
    with running.connect() as peer:
        peer.sendall(DATA)
        running.wait(lambda: len(running.taken.messages) == 1)
        running.taken.room = False
        peer.sendall(DATA * 20_000)
        running.stop()
        assert len(running.taken.messages) == 20_001
        assert running.taken.ended == [0]


def test_a_port_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clock = SystemClock()
        parts = (AllowList(), RateLimiter(0, clock), Ledger(), clock, Limits())
        with pytest.raises(ListenError, match=rf"cannot listen on tcp://127\.0\.0\.1:{port}: Address already in use"):
            StreamReceiver([Endpoint("127.0.0.1", port, True)], *parts)


def test_an_end_in_the_middle_of_a_message_is_counted(run):
    running = run()
    with running.connect() as peer:
        peer.sendall(DATA + DATA[:9])
    running.wait(lambda: running.count("connections.ended.truncated") == 1)
    assert running.taken.messages == [(0, DATA)]


def test_the_message_of_these_tests_decodes():
    from nftui.engine.decode.datagrams import block_of
    from nftui.engine.decode.decoder import Decoder

    decoder = Decoder()
    session = decoder.session(0xFFFF7F000001, 1, stream=True)
    (batch,) = decoder.decode(block_of([TEMPLATE, DATA], [session] * 2, NOW_S * 1000)).batches
    assert np.array_equal(batch.columns["bytes"], [99])
