"""What a collector takes, keeps and passes on, from outside: a process of its own, real sockets."""

import socket
import struct
import subprocess
import sys
import time
import urllib.request

import pytest
from collector_process import PATIENCE_SECONDS, RECORDS, RUN, Collector, send, stored, v5
from loopback_ports import free_port

from nftui.engine.counters import datagram_balance, flow_balance
from nftui.engine.encode.ipfix import IpfixEncoder


def ipfix_messages(flows: int) -> list[bytes]:
    """A template and data with serial numbers as their bytes."""
    import numpy as np

    from nftui.engine.batch import FlowBatch

    now = int(time.time() * 1000)
    batch = FlowBatch(
        flows,
        {
            "src_addr_hi": np.zeros(flows, np.int64),
            "src_addr_lo": np.full(flows, 0xFFFF0A000001),
            "dst_addr_hi": np.zeros(flows, np.int64),
            "dst_addr_lo": np.full(flows, 0xFFFF0A000002),
            "bytes": np.arange(flows),
            "packets": np.ones(flows, np.int64),
            "time_flow_start_ms": np.full(flows, now - 2000),
            "time_flow_end_ms": np.full(flows, now - 1000),
        },
    )
    return [bytes(message) for message in IpfixEncoder(3).encode(batch, now)]


def balances(counts: dict[str, int]) -> tuple[int, int]:
    return datagram_balance(counts), flow_balance(counts)


def test_ipfix_over_tcp_beside_datagrams(collect, tmp_path):
    port = free_port()
    udp = free_port()
    collector = collect(tmp_path / "s", "-p", f"udp://127.0.0.1:{udp}", "-p", f"tcp://127.0.0.1:{port}")
    assert collector.ask("health")["listen"] == [f"127.0.0.1:{udp}", f"tcp://127.0.0.1:{port}"]
    messages = ipfix_messages(5000)
    assert len(messages) > 10
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for start in range(0, len(whole := b"".join(messages)), 777):
            peer.sendall(whole[start : start + 777])
        send(udp, v5(5000))
        collector.wait_for(lambda: collector.counts().get("flows.in") == 5000 + RECORDS)
        (session,) = [one for one in collector.ask("exporters") if one["port"] == peer.getsockname()[1]]
        assert len(session["templates"]) == 1
    collector.wait_for(lambda: collector.counts().get("sessions.ended") == 1)
    counts = collector.counts()
    assert counts["datagrams.decoded"] == len(messages) + 1
    assert counts.get("sequence.lost", 0) == 0
    assert balances(counts) == (0, 0)
    assert collector.stop()[0] == 0
    assert sorted(stored(tmp_path / "s")) == list(range(5000 + RECORDS))


@pytest.mark.peer
def test_softflowd_over_tcp(collect, tmp_path):
    """softflowd 1.1.0 is the one exporter of Debian that speaks IPFIX over TCP."""
    from live_peers import make_capture, need

    need("softflowd")
    capture = tmp_path / "made.pcap"
    make_capture(capture, 1_700_000_000)
    port = free_port()
    collector = collect(tmp_path / "s", "-p", f"tcp://127.0.0.1:{port}")
    command = ["softflowd", "-r", str(capture), "-n", f"127.0.0.1:{port}", "-v", "10", "-P", "tcp", "-c", "none"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stdout
    collector.wait_for(lambda: collector.counts().get("connections.ended.closed") == 1)
    assert collector.counts()["flows.in"] == 108
    collector.stop()
    assert sum(stored(tmp_path / "s", "packets")) == 324


def test_an_exporter_ten_times_over_its_rate_costs_the_other_nothing(collect, tmp_path):
    """A21: A sends 1000 datagrams at once where 100 a second are allowed, B sends 90."""
    port = free_port()
    collector = collect(tmp_path / "s", "-p", f"127.0.0.1:{port}", "--rate-limit", "100")
    for part in range(10):
        send(port, *(v5((part * 100 + n) * 30, sequence=0) for n in range(100)), source="127.0.0.2")
        send(port, *(v5(1_000_000 + (part * 9 + n) * 30) for n in range(9)), source="127.0.0.3")
    collector.wait_for(lambda: collector.counts().get("datagrams.received") == 1090)
    counts = collector.counts()
    dropped = counts["datagrams.dropped.rate_limit"]
    assert 0 < dropped <= 900
    exporters = {one["address"]: one["counts"] for one in collector.ask("exporters")}
    assert exporters["127.0.0.2"]["datagrams.dropped.rate_limit"] == dropped
    assert "datagrams.dropped.rate_limit" not in exporters["127.0.0.3"]
    assert exporters["127.0.0.3"]["datagrams.decoded"] == 90
    assert balances(counts) == (0, 0)
    assert f"datagrams.dropped.rate_limit: {dropped}" in collector.stop()[2]
    assert sorted(value for value in stored(tmp_path / "s") if value >= 1_000_000) == list(
        range(1_000_000, 1_000_000 + 90 * RECORDS)
    )


def test_only_flows_that_pass_the_filter_are_kept(collect, tmp_path):
    port = free_port()
    collector = collect(
        tmp_path / "s", "-p", f"127.0.0.1:{port}", "--keep", "bytes < 50", "--drop", "bytes in [3 4 45]"
    )
    send(port, v5(0), v5(30), v5(60), source="127.0.0.2")
    collector.wait_for(lambda: collector.counts().get("flows.in") == 90)
    counts = collector.counts()
    assert counts["flows.filtered"] == 43
    assert balances(counts) == (0, 0)
    (exporter,) = collector.ask("exporters")
    assert exporter["counts"]["flows.filtered"] == 43
    assert "flows.filtered: 43" in collector.stop()[2]
    assert sorted(stored(tmp_path / "s")) == [n for n in range(50) if n not in {3, 4, 45}]


def test_a_bad_filter_ends_the_start_with_65(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", RUN, "collect", "-l", str(tmp_path / "s"), "--keep", "dst prt 5"],
        capture_output=True, text=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 65
    assert not (tmp_path / "s").exists()


def test_datagrams_go_on_to_other_collectors(collect, tmp_path):
    first, second = free_port(), free_port()
    behind = collect(tmp_path / "behind", "-p", f"127.0.0.1:{second}")
    gone = free_port()
    front = collect(
        tmp_path / "front", "-p", f"127.0.0.1:{first}", "-R", f"127.0.0.1/{second}", "-R", f"127.0.0.1:{gone}"
    )
    send(first, *(v5(n * 30) for n in range(50)), source="127.0.0.2")
    behind.wait_for(lambda: behind.counts().get("flows.in") == 1500)
    front.wait_for(lambda: front.counts().get("forward.sent", 0) + front.counts().get("forward.failed", 0) == 100)
    here, away = front.ask("forward")
    assert here == {"target": f"127.0.0.1:{second}", "sent": 50, "failed": 0}
    assert away["sent"] + away["failed"] == 50
    for collector in (front, behind):
        assert collector.stop()[0] == 0
    for name in ("front", "behind"):
        assert sorted(stored(tmp_path / name)) == list(range(1500))


def test_rates_of_single_exporters(collect, tmp_path):
    port = free_port()
    collector = collect(tmp_path / "s", "-p", f"127.0.0.1:{port}", "-s", "10", "-s", "127.0.0.0/29=512")
    send(port, v5(0), source="127.0.0.2")
    send(port, v5(30), source="127.0.0.9")
    collector.wait_for(lambda: collector.counts().get("flows.in") == 60)
    rates = {
        one["address"]: [(rate["rate"], rate["source"]) for rate in one["sampling"]]
        for one in collector.ask("exporters")
    }
    assert rates == {"127.0.0.2": [(512, "config")], "127.0.0.9": [(10, "config")]}
    collector.stop()
    found = dict(zip(stored(tmp_path / "s"), stored(tmp_path / "s", "sampling_rate"), strict=True))
    assert {found[n] for n in range(30)} == {512}
    assert {found[n] for n in range(30, 60)} == {10}


def page(url: str) -> dict[tuple, float]:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    text = urllib.request.urlopen(url, timeout=PATIENCE_SECONDS).read().decode() if "://" in url else url
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_over_http_and_the_control_socket(collect, tmp_path):
    port = free_port()
    web = free_port()
    collector: Collector = collect(tmp_path / "s", "-p", f"127.0.0.1:{port}", "--metrics", str(web))
    send(port, v5(0), struct.pack(">H", 99), source="127.0.0.2")
    collector.wait_for(lambda: collector.counts().get("flows.stored") == 30)
    collector.wait_until_taken(2)
    names = collector.counts()
    for found in (page(f"http://127.0.0.1:{web}/metrics"), page(collector.ask("metrics"))):
        assert found["nftui_datagrams_received_total",] == 2
        assert found["nftui_datagrams_rejected_total", "version"] == 1
        assert found["nftui_flows_stored_total",] == 30
        assert found["nftui_exporter_flows_total", "127.0.0.2"] == 30
        assert found["nftui_exporter_flows_total", "other"] == 0
        assert found["nftui_store_live_flows",] == 30
        assert found["nftui_thread_state", "metrics", "running"] == 1
        counted = {name for name, *_ in found}
        for name in names:  # every counter of the health strip
            subject, _, rest = name.partition(".")
            full = f"nftui_{subject}" + (f"_{rest.partition('.')[0]}" if rest else "")
            assert {full, f"{full}_total"} & counted, name
    asked = [sys.executable, "-c", RUN, "ctl", "-l", str(collector.store), "metrics"]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True).stdout
    assert page(said)["nftui_flows_stored_total",] == 30
    code, _, err = collector.stop()
    assert code == 0
    assert f"nftui: metrics on http://127.0.0.1:{web}/metrics\n" in err
