"""The page over HTTP: on loopback, one thread, and nobody can hold it."""

import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from loopback_ports import free_port

from nftui.engine import metrics_server
from nftui.engine.metrics_server import MetricsServer
from nftui.errors import ListenError, UsageError


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(metrics_server, "_DEADLINE_SECONDS", 1.5)
    monkeypatch.setattr(metrics_server._Handler, "timeout", 1.5)
    made = MetricsServer(str(free_port()), lambda: "nftui_x 1\n# EOF\n")
    made.open()
    stopping = threading.Event()
    thread = threading.Thread(target=made.run, args=(stopping,))
    thread.start()
    yield made
    stopping.set()
    thread.join(120)
    made.close()


def test_without_a_host_it_is_on_loopback_only(server):
    assert server.label.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(server.label, timeout=120) as answer:
        assert answer.read() == b"nftui_x 1\n# EOF\n"
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_there_is_one_page(server):
    for path in ("", "/", "/metrics/x", "/../etc/passwd"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server.label.removesuffix("/metrics") + path, timeout=120)
        assert caught.value.code == 404


def test_nobody_can_hold_it(server, capsys):
    port = int(server.label.split(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as silent, socket.create_connection(("127.0.0.1", port)) as slow:
        stop = threading.Event()

        def drip() -> None:
            while not stop.is_set():
                try:
                    slow.send(b"G")
                except OSError:
                    return
                time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        with urllib.request.urlopen(server.label, timeout=120) as answer:
            assert answer.status == 200
        stop.set()
        thread.join(120)
        silent.close()
    assert capsys.readouterr().err == ""


def test_other_places():
    with pytest.raises(UsageError):
        MetricsServer("here", str)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = MetricsServer(f"127.0.0.1:{taken.getsockname()[1]}", str)
        with pytest.raises(ListenError, match=r"cannot serve metrics on 127\.0\.0\.1:\d+: Address already in use"):
            server.open()
    assert server.label == ""
