"""What systemd is told by a collector and a probe: ready, how it is, that it ends, and that reception moves."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from collector_process import PATIENCE_SECONDS, RECORDS, Collector, send, v5
from loopback_ports import free_port

from nftui.engine.service_manager import ServiceManager

HANGING_RECEPTION = """
import time
from nftui.engine.ingest.receiver import Receiver
Receiver.gather = lambda self: time.sleep(600)
"""


class Manager:
    """Listens where systemd would."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "4000000"}

    def next(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.socket.recv(65_536).decode().splitlines())

    def until(self, name: str) -> dict[str, str]:
        while name not in (found := self.next()):
            pass
        return found


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@nftui-test-{os.getpid()}-{tmp_path}")
    yield made
    made.socket.close()


def test_a_collector(collect, tmp_path: Path, manager: Manager) -> None:
    port = free_port()
    collector: Collector = collect(tmp_path / "s", "-p", f"127.0.0.1:{port}", environment=manager.environment)
    assert manager.until("READY") == {"READY": "1", "STATUS": f"listening on 127.0.0.1:{port}"}
    send(port, v5(0))
    collector.wait_for(lambda: collector.counts().get("flows.stored", 0) == RECORDS)
    found = manager.next()
    while f" {RECORDS} flows stored" not in found["STATUS"]:
        found = manager.next()
    assert found["WATCHDOG"] == "1"
    collector.process.terminate()
    assert manager.until("STOPPING") == {"STOPPING": "1", "STATUS": "storing what came"}
    assert collector.process.wait(PATIENCE_SECONDS) == 0


def test_reception_that_hangs_gives_no_sign_of_life(collect, tmp_path: Path) -> None:
    """Then systemd ends and restarts it after WatchdogSec."""
    manager = Manager(str(tmp_path / "notify"))
    port = free_port()
    collect(tmp_path / "s", "-p", f"127.0.0.1:{port}", environment=manager.environment, fault=HANGING_RECEPTION)
    manager.until("WATCHDOG")
    send(port, v5(0))
    while "WATCHDOG" in (found := manager.next()) or "STATUS" not in found:
        pass
    assert "WATCHDOG" not in manager.next()
    manager.socket.close()


def test_nobody_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ServiceManager({}).tell(READY=1)
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell(READY=1)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert ServiceManager().watchdog_seconds == 30
    for pid, seconds in ((str(os.getpid()), 30.0), ("1", None)):  # WATCHDOG_PID: it may be meant for another process
        monkeypatch.setenv("WATCHDOG_PID", pid)
        assert ServiceManager().watchdog_seconds == seconds


@pytest.mark.parametrize("unit", ["nftui-collect.service", "nftui-probe.service"])
def test_units_are_of_type_notify(unit: str, tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "contrib" / unit).read_text()
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=30", "Restart=on-failure"} <= set(text.splitlines())
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit
    copy.write_text(text.replace("/usr/local/bin/nftui", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_probe(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("capturing needs a right")
    import sys

    manager = Manager(str(tmp_path / "notify"))
    command = [sys.executable, "-m", "nftui", "probe", "-i", "lo", "-c", "none", "--seconds", "20"]
    process = subprocess.Popen(
        [*command, "-l", str(tmp_path / "s"), "udp port 1"], env=os.environ | manager.environment,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert manager.next() == {"READY": "1", "STATUS": "capturing on lo"}
        assert manager.next() == {"WATCHDOG": "1"}
        process.terminate()
        assert manager.until("STOPPING") == {"STOPPING": "1"}
        assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()
        manager.socket.close()
