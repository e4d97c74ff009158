"""The live probe in network namespaces of its own: rings, interfaces that come and go, rights, control."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from live_peers import PATIENCE_SECONDS, until_asleep
from probe_packets import tcp, udp, write_pcap
from probe_peers import NFTUI, conversations, need, need_root, with_tags

pytestmark = pytest.mark.peer


@pytest.fixture
def space() -> Iterator[str]:
    """A namespace with a pair of interfaces, `left` and `right`."""
    need_root()
    name = f"nftui{os.getpid()}"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True)
    if done.returncode:
        pytest.skip("network namespaces cannot be made here")
    try:
        inside(name, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1")
        make_pair(name)
        inside(name, "ip link set lo up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def inside(space: str, command: str) -> str:
    """Run a command in the namespace."""
    full = ["ip", "netns", "exec", space, *command.split()]
    return subprocess.run(full, capture_output=True, text=True, check=True).stdout


def make_pair(space: str) -> None:
    inside(space, "ip link add left type veth peer name right")
    inside(space, "ip link set left up")
    inside(space, "ip link set right up")


def send(space: str, frames: list[bytes], interface: str = "left") -> None:
    """Send frames as they are."""
    code = (
        "import socket, sys, struct\n"
        "data = sys.stdin.buffer.read()\n"
        "opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
        f"opened.bind(({interface!r}, 0))\n"
        "at = 0\n"
        "while at < len(data):\n"
        "    size = struct.unpack_from('>I', data, at)[0]\n"
        "    opened.send(data[at + 4: at + 4 + size])\n"
        "    at += 4 + size\n"
    )
    data = b"".join(struct.pack(">I", len(frame)) + frame for frame in frames)
    subprocess.run(["ip", "netns", "exec", space, sys.executable, "-c", code], input=data, check=True)


class Running:
    """A probe in a namespace."""

    def __init__(self, process: subprocess.Popen[str], control: Path) -> None:
        self.process = process
        self.control = control

    def text(self, word: str) -> str:
        command = [*NFTUI, "ctl", "-c", str(self.control), word]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def data(self, word: str = "statistics") -> Any:
        command = [*NFTUI, "ctl", "-c", str(self.control), "--json", word]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Statistics once a condition holds."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition(found := self.data()):
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found


@contextmanager
def probing(space: str, tmp_path: Path, *options: str) -> Iterator[Running]:
    control = tmp_path / "ctl"
    command = ["ip", "netns", "exec", space, *NFTUI, "probe", "-c", str(control), "-B", "4194304", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while not control.exists() and process.poll() is None:
            assert time.monotonic() < end, "no control socket"
            time.sleep(0.05)
        assert process.poll() is None, process.stdout and process.stdout.read()
        yield Running(process, control)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def test_what_is_captured_is_what_a_file_holds(space: str, tmp_path: Path) -> None:
    frames = [*conversations(False), *conversations(True), *with_tags(conversations(False))]
    with probing(space, tmp_path, "-i", "right", "-6") as probe:
        send(space, frames)
        probe.wait(lambda s: s["packets"] >= len(frames))
        probe.text("expire-all")
        live = probe.data()
    offline = subprocess.run(
        [*NFTUI, "probe", "-r", str(write_pcap(tmp_path / "a", frames))], capture_output=True, text=True, check=True
    ).stdout
    assert f"Packets processed: {live['packets']}\n" in offline
    assert f"Flows expired: {live['expired']} (0 forced)\n" in offline
    for proto in live["protocols"]:
        assert any(
            f"({proto['proto']}): {proto['octets']:14} {proto['packets']:12}" in line for line in offline.splitlines()
        )


def test_the_text_of_ctl_is_that_of_softflowctl(space: str, tmp_path: Path) -> None:
    """The same packets live through both daemons; only name, times and durations differ."""
    need("softflowd", "softflowctl")
    frames = conversations(False)
    theirs = tmp_path / "softflowd.ctl"
    command = ["ip", "netns", "exec", space, "softflowd", "-i", "right", "-d", "-6", "-v", "9", "-c", str(theirs)]
    peer = subprocess.Popen(
        [*command, "-p", str(tmp_path / "pid")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with probing(space, tmp_path, "-i", "right") as probe:
            until_asleep(peer.pid, 1)
            # libpcap hands over a block when it is full: enough packets make softflowd see the first ones too.
            send(space, frames * 60)
            probe.wait(lambda s: s["packets"] >= 60 * len(frames))
            until_asleep(peer.pid, 1)
            for word in ("expire-all", "statistics", "dump-flows", "timeouts", "send-template", "stop-gather"):
                done = subprocess.run(
                    ["softflowctl", "-c", str(theirs), word], capture_output=True, text=True, check=True
                )
                assert shape(probe.text(word)) == shape(done.stdout), word
    finally:
        peer.terminate()
        peer.wait(PATIENCE_SECONDS)


def shape(text: str) -> list[str]:
    """Lines without what must differ: the daemon's name, and numbers, whose places in columns still count."""
    first, _, rest = text.partition("\n")
    head = re.sub(r"\d+", "N", re.sub(r"^\w+\[\d+\]", "daemon[N]", first))
    lines = [head]
    for line in rest.splitlines():
        columns = re.match(r"  |over 2 GiB", line) and "timeout:" not in line and "l:" not in line
        lines.append(re.sub(r"[\d.]", " ", line).rstrip() if columns else re.sub(r"\d+", "N", line))
    return lines


def test_interfaces_go_down_vanish_and_come_back(space: str, tmp_path: Path) -> None:
    frames = [udp("10.0.0.1", "10.0.0.2", 5, 6)] * 10
    with probing(space, tmp_path, "-i", "right") as probe:
        send(space, frames)
        probe.wait(lambda s: s["packets"] == 10)
        inside(space, "ip link set right down")
        state = probe.wait(lambda s: s["captures"][0]["state"] == "down")
        assert state["captures"][0]["gaps"] == 1
        before = cpu_seconds(probe.process.pid)
        time.sleep(2)
        assert cpu_seconds(probe.process.pid) - before < 0.5  # it does not spin
        inside(space, "ip link set right up")
        probe.wait(lambda s: s["captures"][0]["state"] == "capturing")
        send(space, frames)
        assert probe.wait(lambda s: s["packets"] == 20)["captures"][0]["gap_seconds"] > 1.5
        inside(space, "ip link del left")
        probe.wait(lambda s: s["captures"][0]["state"] == "gone")
        make_pair(space)
        probe.wait(lambda s: s["captures"][0]["state"] == "capturing")
        send(space, frames)
        assert probe.wait(lambda s: s["packets"] == 30)["captures"][0]["gaps"] == 2
        inside(space, "ip link del left")
        make_pair(space)  # between two looks of the probe
        probe.wait(lambda s: s["captures"][0]["gaps"] == 3 and s["captures"][0]["state"] == "capturing")
        send(space, frames)
        probe.wait(lambda s: s["packets"] == 40)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_drops_of_the_kernel_are_received_minus_metered(space: str, tmp_path: Path) -> None:
    frames = [udp(f"10.0.{i >> 8}.{i & 255}", "192.0.2.1", 5, 6, 900) for i in range(4000)]
    with probing(space, tmp_path, "-i", "right", "-B", str(2 << 20), "-C", "1500") as probe:
        send(space, frames[:1])
        probe.wait(lambda s: s["packets"] == 1)
        os.kill(probe.process.pid, signal.SIGSTOP)
        send(space, frames[1:])
        os.kill(probe.process.pid, signal.SIGCONT)
        s = probe.wait(lambda s: s["captures"][0]["received"] == 4000)
        s = probe.wait(lambda s: s["packets"] + s["captures"][0]["dropped"] == 4000)
        assert s["captures"][0]["dropped"] > 500


def test_rights_are_given_up(space: str, tmp_path: Path) -> None:
    with probing(space, tmp_path, "-i", "right") as probe:
        for task in Path(f"/proc/{probe.process.pid}/task").iterdir():
            status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
            for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(status[name], 16) == 0, (task, name)
            assert status["NoNewPrivs"] == "1"
        assert probe.control.stat().st_mode & 0o777 == 0o600


def test_dropped_rights_do_not_come_back() -> None:
    need_root()
    code = (
        "import socket\n"
        "from nftui.probe.privileges import drop_rights\n"
        "drop_rights()\n"
        "try:\n"
        "    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
        "except PermissionError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_without_the_right_the_exit_code_is_77_and_the_command_is_named() -> None:
    need_root()
    need("setpriv")
    bare = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    done = subprocess.run([*bare, *NFTUI, "probe", "-i", "lo", "-c", "none"], capture_output=True, text=True)
    assert done.returncode == 77
    assert f"sudo setcap cap_net_raw+ep {os.path.realpath(sys.executable)}" in done.stderr
    assert done.stdout == ""


def test_any_sees_all_interfaces_and_each_packet_of_the_loopback_once(space: str, tmp_path: Path) -> None:
    with probing(space, tmp_path, "-i", "any") as probe:
        send(space, [udp("10.0.0.1", "10.0.0.2", 5, 6)] * 4)
        code = (
            "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
            "[s.sendto(b'x' * 10, ('127.0.0.1', 24999)) for _ in range(3)]"
        )
        subprocess.run(["ip", "netns", "exec", space, sys.executable, "-c", code], check=True)
        probe.wait(lambda s: s["packets"] >= 4 + 4 + 3)
        flows = {
            (flow["address"][1], flow["port"][1]): flow for flow in probe.data("dump-flows") if flow["proto"] == 17
        }
        # Sent on one end of the pair and received on the other: `any` sees both.
        assert flows["10.0.0.2", 6]["packets"] == [8, 0]
        assert flows["10.0.0.2", 6]["octets"] == [8 * 38, 0]
        assert flows["127.0.0.1", 24_999]["packets"] == [3, 0]


def test_several_interfaces_and_filters(space: str, tmp_path: Path) -> None:
    frames = [udp("10.0.0.1", "10.0.0.2", 5, 53), tcp("10.0.0.1", "10.0.0.2", 5, 80)]
    with probing(space, tmp_path, "-i", "7:left", "-i", "right", "udp", "port", "53") as probe:
        send(space, frames * 5)
        s = probe.wait(lambda s: s["packets"] == 10 and sum(c["received"] for c in s["captures"]) == 10)
        assert [(capture["name"], capture["received"]) for capture in s["captures"]] == [("left", 5), ("right", 5)]
        assert [flow["proto"] for flow in probe.data("dump-flows")] == [17]


def test_scapy_captures_the_same(space: str, tmp_path: Path) -> None:
    frames = conversations(False)
    with probing(space, tmp_path, "-i", "right", "--engine", "scapy", "ip") as probe:
        send(space, frames)
        probe.wait(lambda s: s["packets"] == len(frames))
        assert sum(flow["packets"][0] + flow["packets"][1] for flow in probe.data("dump-flows")) == len(frames)


def test_own_exports_are_not_metered(space: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        options = ["-i", "lo", "-n", "127.0.0.1:24998", "-t", "udp=1", "-t", "expint=1"]
        with probing(space, tmp_path, *options) as probe:
            code = (
                "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                "[s.sendto(b'x', ('127.0.0.1', 24999)) for _ in range(3)]"
            )
            subprocess.run(["ip", "netns", "exec", space, sys.executable, "-c", code], check=True)
            s = probe.wait(lambda s: s["export"]["datagrams"] > 0 and s["own"] > 0)
            ports = {flow["port"][1] for flow in probe.data("dump-flows") if flow["proto"] == 17}
            assert 24_998 not in ports
            assert s["export"]["records"] >= 1


def test_control_words_act_and_a_second_probe_is_refused(space: str, tmp_path: Path) -> None:
    with probing(space, tmp_path, "-i", "right") as probe:
        send(space, [udp("10.0.0.1", "10.0.0.2", 5, 6)] * 3)
        probe.wait(lambda s: s["packets"] == 3)
        probe.text("stop-gather")
        send(space, [udp("10.0.0.9", "10.0.0.2", 5, 6)])
        until_asleep(probe.process.pid, 0.5)  # it has passed over what came
        probe.text("start-gather")
        assert probe.text("expire-all").endswith("Expired 1 flows.\n")
        second = subprocess.run(
            ["ip", "netns", "exec", space, *NFTUI, "probe", "-i", "right", "-c", str(probe.control)],
            capture_output=True, text=True,
        )  # fmt: skip
        assert second.returncode == 69
        assert "a probe already answers" in second.stderr
        assert probe.text("shutdown").endswith("Shutting down gracefully...\n")
        assert probe.process.wait(PATIENCE_SECONDS) == 0
        assert not probe.control.exists()


def test_the_owner_of_a_flow_is_named_on_request(space: str, tmp_path: Path) -> None:
    with probing(space, tmp_path, "-i", "lo", "--processes") as probe:
        code = (
            "import socket, time; r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); r.bind(('127.0.0.1', 24997));"
            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', 24997)); time.sleep(99)"
        )
        # Without rights of its own a probe may only look at processes that have none either.
        bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        owner = subprocess.Popen(["ip", "netns", "exec", space, *bare, sys.executable, "-c", code])
        try:
            probe.wait(lambda s: s["packets"] >= 1)
            (flow,) = [flow for flow in probe.data("dump-flows") if flow["port"][1] == 24_997]
            assert flow["process"] == f"{Path(f'/proc/{owner.pid}/comm').read_text().strip()}[{owner.pid}]"
        finally:
            owner.kill()
            owner.wait()


def test_flows_go_straight_into_a_store(space: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with probing(space, tmp_path, "-i", "right", "-l", str(store)) as probe:
        send(space, conversations(False))
        probe.wait(lambda s: s["packets"] >= len(conversations(False)))
        probe.text("shutdown")
        assert probe.process.wait(PATIENCE_SECONDS) == 0
    command = [*NFTUI, "dump", "-r", str(store), "-o", "ndjson"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sum(json.loads(line)["packets"] for line in lines) == len(conversations(False))


def test_unknown_interfaces_and_missing_choices_are_usage_errors() -> None:
    need_root()
    done = subprocess.run([*NFTUI, "probe", "-i", "nonesuch0", "-c", "none"], capture_output=True, text=True)
    assert (done.returncode, "no interface nonesuch0" in done.stderr) == (2, True)
    for options in ([], ["-i", "lo", "-r", "x"]):
        done = subprocess.run([*NFTUI, "probe", *options], capture_output=True, text=True)
        assert (done.returncode, "either -i INTERFACE or -r FILE" in done.stderr) == (2, True)
