"""Live metering over a veth pair in a network namespace: CPU per packet and the highest rate without a drop.

tcpreplay sends at rising rates on one core, the probe captures on the other. Needs root.

Run: sudo python benchmarks/probe_live.py [--seconds N] [--rates 100000,200000,...]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from probe_traffic import write_capture

SPACE = f"nftui-bench{os.getpid()}"
RATES = "50000,100000,200000,300000,400000,500000,600000"


def inside(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", "netns", "exec", SPACE, *command], capture_output=True, text=True, check=check)


class Probe:
    """One program that captures from `right`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.control = folder / f"{name}.ctl"
        nftui = [sys.executable, "-m", "nftui"]
        self.ask = {"nftui": [*nftui, "ctl", "-c", str(self.control), "--json", "statistics"],
                    "softflowd": ["softflowctl", "-c", str(self.control), "statistics"]}.get(name)  # fmt: skip
        commands = {
            "nftui": [*nftui, "probe", "-i", "right", "-m", "65536", "-c", str(self.control)],
            "softflowd": ["softflowd", "-i", "right", "-d", "-6", "-v", "9", "-m", "65536", "-B", str(64 << 20),
                          "-c", str(self.control), "-p", str(folder / "pid")],
            "fprobe": ["fprobe", "-i", "right", "-l", "2:", "-q", "200000", "-B", "65536", "127.0.0.1:29999"],
        }  # fmt: skip
        pinned = ["ip", "netns", "exec", SPACE, "taskset", "-c", "0", *commands[name]]
        self.process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2.5)
        self.pid = int(inside("pgrep", "-n", "-x", name, check=False).stdout or self.process.pid)
        if name == "nftui":
            self.pid = self.process.pid

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def counts(self) -> tuple[int, int]:
        """Packets received and dropped so far."""
        if self.name == "nftui":
            found = json.loads(inside(*self.ask).stdout)["captures"][0]
            return found["received"], found["dropped"]
        if self.name == "softflowd":
            text = inside(*self.ask).stdout
            numbers = re.search(r"received by libpcap: (\d+)\n.*dropped by libpcap: (\d+)", text)
            return int(numbers[1]), int(numbers[2])
        # fprobe has no counter: the kernel lists the drops of its packet socket nowhere, so only CPU is compared.
        return 0, 0

    def end(self) -> None:
        """Stop it."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def replay(capture: Path, rate: int, seconds: float) -> tuple[int, float]:
    """Send; returns packets and their rate."""
    command = ["taskset", "-c", "1", "tcpreplay", "-q", "-K", "-i", "left", "--loop", "0", "--pps", str(rate)]
    text = inside(*command, "--duration", str(int(seconds)), str(capture), check=False).stdout
    sent = re.search(r"Actual: (\d+) packets .* in ([\d.]+) seconds", text)
    return (int(sent[1]), int(sent[1]) / float(sent[2])) if sent else (0, 0.0)


def measure(name: str, capture: Path, rates: list[int], seconds: float, folder: Path) -> None:
    best = 0.0
    for rate in rates:
        probe = Probe(name, folder)
        try:
            before, cpu = probe.counts(), probe.cpu()
            sent, reached = replay(capture, rate, seconds)
            time.sleep(1)
            used = probe.cpu() - cpu
            received, dropped = (now - then for now, then in zip(probe.counts(), before, strict=True))
        finally:
            probe.end()
        if name != "fprobe" and not dropped and received >= sent:
            best = max(best, reached)
        lost = "?" if name == "fprobe" else str(dropped)
        print(f"{capture.stem:6} {name:10} {rate:8} {reached:9.0f} {sent:9} {lost:>8} {used / max(1, sent) * 1e6:8.2f}",
              flush=True)  # fmt: skip
    if name != "fprobe":
        print(f"{capture.stem:6} {name:10} highest rate without a drop: {best:.0f} packets/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rates", default=RATES)
    parser.add_argument("--packets", type=int, default=500_000, help="of the capture that is sent again and again")
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("tcpreplay"):
        print("needs root and tcpreplay")
        return
    rates = [int(rate) for rate in args.rates.split(",")]
    print(f"{'kind':6} {'program':10} {'wanted':>8} {'packets/s':>9} {'sent':>9} {'dropped':>8} {'us/packet':>8}")
    subprocess.run(["ip", "netns", "add", SPACE], check=True)
    try:
        inside("ip", "link", "add", "left", "type", "veth", "peer", "name", "right")
        for link in ("left", "right", "lo"):
            inside("ip", "link", "set", link, "up")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for kind in ("mixed", "syn"):
                capture = folder / f"{kind}.pcap"
                write_capture(capture, kind, args.packets, snaplen=1500 if kind == "mixed" else 96)
                for program in ("nftui", "softflowd", "fprobe"):
                    if program == "nftui" or shutil.which(program):
                        measure(program, capture, rates, args.seconds, folder)
    finally:
        subprocess.run(["ip", "netns", "del", SPACE], check=True)


if __name__ == "__main__":
    main()
