"""The collector keeps templates over a restart, and starts with any file in their place."""

from __future__ import annotations

import json
import socket
import struct
import time

import pytest
from collector_process import stored
from export_wire import a_set, template, v9
from loopback_ports import free_port

FIELDS = [(8, 4), (12, 4), (1, 4)]


def datagram(sets: bytes, sequence: int) -> bytes:
    return v9(sets, sequence, uptime=1000 * sequence, seconds=int(time.time()))


def data(octets: int) -> bytes:
    return a_set(256, struct.pack(">III", 1, 2, octets))


def exporter(port: int) -> socket.socket:
    """One exporter: its source port stays the same over the collector's restart."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("127.0.0.1", 0))
    sender.connect(("127.0.0.1", port))
    return sender


def send(sender: socket.socket, payload: bytes) -> None:
    try:
        sender.send(payload)
    except ConnectionRefusedError:  # of a datagram sent while nobody listened
        sender.send(payload)


def test_data_decode_at_once_after_a_restart(collect, tmp_path):
    port = free_port()
    with exporter(port) as sender:
        first = collect(tmp_path / "s", "-p", str(port))
        send(sender, datagram(template(9, 256, FIELDS) + data(11), 1))
        first.wait_for(lambda: first.counts().get("records.flows", 0) == 1)
        assert first.stop()[0] == 0
        second = collect(tmp_path / "s", "-p", str(port))
        assert second.counts()["templates.restored"] == 1
        send(sender, datagram(data(22), 2))
        second.wait_for(lambda: second.counts().get("records.flows", 0) == 1)
        assert "sets.buffered" not in second.counts()
        assert second.stop()[0] == 0
    assert sorted(stored(tmp_path / "s")) == [11, 22]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 1000,
        b"[" * 100_000,
        b'{"format": 1, "exporters": [{"address": "::1"',
        b'{"format": 99, "exporters": []}',
        json.dumps({"format": 1, "exporters": [{"address": "\x1b[2J", "port": -1, "domains": [7]}]}).encode(),
    ],
    ids=["empty", "zeros", "nested", "cut", "newer", "nonsense"],
)
def test_any_file_in_its_place(collect, tmp_path, content):
    """The collector starts, counts one failure, and writes a good file when it stops."""
    state = tmp_path / "s" / "_state"
    state.mkdir(parents=True)
    (state / "templates.json").write_bytes(content)
    port = free_port()
    collector = collect(tmp_path / "s", "-p", str(port))
    assert collector.counts()["templates.restore_failed"] == 1
    assert collector.stop()[0] == 0
    assert json.loads((state / "templates.json").read_bytes()) == {"format": 1, "exporters": []}
