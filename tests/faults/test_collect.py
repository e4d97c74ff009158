"""`nftui collect` as a user runs it: datagrams in, files out, every one accounted for."""

import os
import signal
import socket
import stat
import struct
import time

import pytest
from collector_process import PATIENCE_SECONDS, RECORDS, send, stored, v5
from loopback_ports import free_port

from nftui.engine.batch import FlowBatch
from nftui.engine.counters import datagram_balance, flow_balance, record_balance, total

PORT = free_port()


def balances(counts) -> tuple[int, int, int]:
    return datagram_balance(counts), record_balance(counts), flow_balance(counts)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_was_sent_is_stored_when_it_is_told_to_end(collect, tmp_path, number):
    collector = collect(tmp_path / "s", "-p", str(PORT), "-I", "gw1")
    for block in range(10):
        send(PORT, *(v5((block * 10 + i) * RECORDS) for i in range(10)))
    send(PORT, v5(3000), host="::1")
    collector.wait_for(lambda: collector.counts().get("datagrams.received", 0) == 101)
    code, out, err = collector.stop(number)
    assert (code, out) == (0, "")
    assert sorted(stored(tmp_path / "s")) == list(range(101 * RECORDS))
    assert "Ident: 'gw1' Flows: 3030, Packets: 9090, Bytes: 4588935, Sequence Errors: 0, Bad Packets: 0\n" in err


def test_the_end_does_not_wait_for_the_counters(collect, tmp_path):
    """Datagrams that are in the kernel's buffer when the signal comes are stored too."""
    collector = collect(tmp_path / "s", "-p", str(PORT))
    send(PORT, *(v5(i * RECORDS) for i in range(200)))
    assert collector.stop()[0] == 0
    assert sorted(stored(tmp_path / "s")) == list(range(200 * RECORDS))


def test_balances_hold_while_it_works_and_every_loss_has_a_kind(collect, tmp_path):
    collector = collect(tmp_path / "s", "-p", str(PORT), "--allow", "127.0.0.1")
    seen = []
    for i in range(40):
        send(PORT, v5(i * RECORDS), b"", b"\0\5", b"\0\5" + bytes(30), bytes(10_000), v5(0)[:-1])
        send(PORT, v5(0), source="127.0.0.2")
        seen.append(balances(collector.counts()))
    collector.wait_for(lambda: collector.counts().get("datagrams.received", 0) == 280)
    counts = collector.counts()
    assert set(seen) == {(0, 0, 0)}
    assert balances(counts) == (0, 0, 0)
    assert counts["datagrams.dropped.oversize"] == 40
    assert counts["datagrams.dropped.not_allowed"] == 40
    assert counts["flows.in"] >= 40 * RECORDS
    assert total(counts, "datagrams.rejected") + counts["datagrams.decoded"] == 200
    refused = collector.ask("refused")
    assert [(r["address"], r["datagrams"]) for r in refused] == [("127.0.0.2", 40)]
    err = collector.stop()[2]
    assert err.count("127.0.0.2 sends and is not allowed to; --allow lets it in\n") == 1
    assert "datagrams.dropped.not_allowed: 40" in err


def test_templated_exports_and_exporters_are_known_by_address(collect, tmp_path):
    import numpy as np

    from nftui.engine.encode.ipfix import IpfixEncoder
    from nftui.engine.encode.netflow9 import NetFlow9Encoder

    now = int(time.time() * 1000)
    n = 500
    batch = FlowBatch(
        n,
        {
            "src_addr_hi": np.zeros(n, np.int64),
            "src_addr_lo": np.arange(n, dtype=np.int64) + 0xFFFF0A000000,
            "bytes": np.arange(n, dtype=np.int64),
            "packets": np.ones(n, np.int64),
            "proto": np.full(n, 17, np.uint8),
            "time_flow_start_ms": np.full(n, now - 2000, np.int64),
            "time_flow_end_ms": np.full(n, now - 1000, np.int64),
        },
    )
    collector = collect(tmp_path / "s", "-p", str(PORT))
    for source, encoder in (("127.0.0.1", NetFlow9Encoder(boot_ms=now - 10_000)), ("127.0.0.3", IpfixEncoder(7))):
        send(PORT, *(bytes(d) for d in encoder.encode(batch, now)), source=source)
    collector.wait_for(lambda: collector.counts().get("flows.in", 0) == 2 * n)
    assert {e["address"] for e in collector.ask("exporters")} == {"127.0.0.1", "127.0.0.3"}
    assert collector.stop()[0] == 0
    assert sorted(stored(tmp_path / "s")) == sorted([*range(n), *range(n)])
    assert set(stored(tmp_path / "s", "flow_source")) == {9, 10}


def test_a_port_in_use_is_one_line_and_69(collect, tmp_path):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as holder:
        holder.bind(("::", PORT))
        code, out, err = failing(collect, tmp_path / "s", "-p", str(PORT))
    assert (code, out) == (69, "")
    assert err.startswith(f"nftui: cannot listen on [::]:{PORT}: the port is in use by ")
    assert f"pid {os.getpid()}" in err
    assert err.count("\n") == 1


def test_a_locked_store_is_one_line_and_73(collect, tmp_path):
    first = collect(tmp_path / "s", "-p", str(PORT))
    code, out, err = failing(collect, tmp_path / "s", "-p", str(free_port()))
    assert (code, out) == (73, "")
    assert f"is written by pid {first.process.pid}" in err
    assert err.count("\n") == 1
    assert first.ask("health")["listen"] == [f"[::]:{PORT}"]  # the first still answers at its socket
    first.stop()


def test_a_store_that_cannot_be_made_is_one_line_and_73(collect, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = failing(collect, tmp_path / "file" / "s", "-p", str(PORT))
    assert (code, out) == (73, "")
    assert err.count("\n") == 1
    assert str(tmp_path / "file" / "s") in err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["-p", "70000"], "70000"),
        (["-t", "0"], "store.rotate must be 1 to 86400"),
        (["--allow", "everything"], "--allow everything"),
        (["-n", "gw1"], "-n gw1"),
        (["-x", "'"], "-x '"),
        (["--config", "/nowhere/config.toml"], "/nowhere/config.toml"),
        (["--rotat", "5"], "--rotate"),
    ],
)
def test_wrong_options_are_one_line_and_2(collect, tmp_path, options, word):
    code, out, err = failing(collect, tmp_path / "s", *options)
    assert (code, out) == (2, "")
    assert word in err
    assert err.count("\n") == 1
    assert not (tmp_path / "s").exists()


def failing(collect, store, *options):
    collector = collect(store, *options, wait=False)
    out, err = collector.process.communicate(timeout=PATIENCE_SECONDS)
    return collector.process.returncode, out, err


def test_slots_files_command_and_socket(collect, tmp_path):
    log = tmp_path / "log"
    script = tmp_path / "seal.sh"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{log}\n')
    script.chmod(0o755)
    collector = collect(
        tmp_path / "s", "-p", str(PORT), "-t", "1", "-x", f"{script} %d/%f %u '%i x'", "-I", "gw1", "--seconds", "60"
    )
    mode = stat.S_IMODE((tmp_path / "s" / ".control.sock").stat().st_mode)
    assert mode == 0o600
    send(PORT, v5(0))
    collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == RECORDS)
    collector.wait_for(lambda: log.exists() and log.read_text().count("\n") == 3)
    path, slot, ident = log.read_text().splitlines()
    assert os.path.exists(path)
    assert ident == "gw1 x"
    assert abs(int(slot) - time.time()) < 60
    code, _, err = collector.stop()
    assert code == 0
    assert err.count("Ident: 'gw1' Flows: 30, ") == 1
    assert err.count("Ident: 'gw1' Flows: 0, ") >= 1  # quiet slots are told too
    assert not (tmp_path / "s" / ".control.sock").exists()


def test_it_stops_by_itself(collect, tmp_path):
    collector = collect(tmp_path / "s", "-p", str(PORT), "--seconds", "0.5", wait=False)
    out, err = collector.process.communicate(timeout=PATIENCE_SECONDS)
    assert (collector.process.returncode, out) == (0, "")
    assert f"listening on [::]:{PORT}" in err


def pcap(*payloads: tuple[int, bytes]) -> bytes:
    """A capture of UDP to port 2055: (UTC seconds, payload)."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for seconds, payload in payloads:
        udp = struct.pack("!HHHH", 5000, 2055, 8 + len(payload), 0) + payload
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\xc0\0\2\1", b"\xc0\0\2\2") + udp
        frame = bytes(12) + b"\x08\0" + ip
        out += struct.pack("<IIII", seconds, 0, len(frame), len(frame)) + frame
    return out


def test_exports_of_a_capture_are_stored_with_the_times_of_the_capture(collect, tmp_path):
    start = 1_600_000_200
    path = tmp_path / "exports.pcap"
    path.write_bytes(pcap((start, v5(0)), (start + 400, v5(30)), (start + 400, b"\0\1")))
    collector = collect(tmp_path / "s", "-f", str(path), "-I", "cap", wait=False)
    out, err = collector.process.communicate(timeout=PATIENCE_SECONDS)
    assert (collector.process.returncode, out) == (0, "")
    assert sorted(stored(tmp_path / "s")) == list(range(60))
    assert set(stored(tmp_path / "s", "time_received_ms")) == {start * 1000, (start + 400) * 1000}
    names = sorted(path.name[:16] for path in (tmp_path / "s").glob("date=2020-09-13/hour=12/*.parquet"))
    assert len(names) == 2
    lines = [line for line in err.splitlines() if line.startswith("Ident: 'cap'")]
    assert [line.split(", ")[0] for line in lines] == ["Ident: 'cap' Flows: 30", "Ident: 'cap' Flows: 30"]


def test_a_capture_that_is_none_is_one_line_and_2(collect, tmp_path):
    (tmp_path / "x").write_bytes(b"nonsense")
    code, out, err = failing(collect, tmp_path / "s", "-f", str(tmp_path / "x"))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"nftui: {tmp_path / 'x'} is ")


def test_a_source_map_lets_in_who_is_named(collect, tmp_path):
    collector = collect(tmp_path / "s", "-p", f"127.0.0.1:{PORT}", "-n", "gw1,127.0.0.5;127.0.1.0/24")
    for source in ("127.0.0.5", "127.0.1.77", "127.0.0.1"):
        send(PORT, v5(0), source=source)
    collector.wait_for(lambda: collector.counts().get("datagrams.received", 0) == 3)
    assert collector.counts()["datagrams.dropped.not_allowed"] == 1
    assert collector.counts()["flows.in"] == 60
    assert {e["address"]: e["ident"] for e in collector.ask("exporters")} == {"127.0.0.5": "gw1", "127.0.1.77": "gw1"}
    collector.stop()


def test_a_static_sampling_rate_is_stored(collect, tmp_path):
    collector = collect(tmp_path / "s", "-p", f"127.0.0.1:{PORT}", "-s", "100")
    send(PORT, v5(0))
    collector.wait_for(lambda: collector.counts().get("flows.in", 0) == 30)
    assert collector.stop()[0] == 0
    assert set(stored(tmp_path / "s", "sampling_rate")) == {100}
