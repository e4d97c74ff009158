"""What collectors have left after a fault: nftui and nfcapd, the same datagrams, the same fault, one after the other.

    python benchmarks/survival.py                    every case, as a table
    python benchmarks/survival.py kill clock         some of them

Flows carry serial numbers, so that those that are lost or doubled are known. Every case has a store and a port of its
own on loopback; it needs root for the full disk (a tmpfs), and a C compiler for the clock, which is moved for the
collector alone by a library that stands before the system's.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RECORDS = 30
BUFFER = 4 << 20
NAMES = ("nftui", "nfcapd")
SHIM = """
#define _GNU_SOURCE
#include <stdio.h>
#include <time.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdlib.h>
static long moved(void) {
  long seconds = 0;
  FILE *file = fopen(getenv("MOVED_CLOCK"), "r");
  if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
  return seconds;
}
int clock_gettime(clockid_t id, struct timespec *now) {
  int result = syscall(SYS_clock_gettime, id, now);
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) now->tv_sec += moved();
  return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}
"""


def v5(first: int) -> bytes:
    """A datagram whose records carry the serial numbers from `first` as their bytes."""
    now = int(time.time())
    header = struct.pack("!HHIIIIBBH", 5, RECORDS, 10_000, now, 0, first, 0, 0, 0)
    record = struct.Struct("!4s4s4sHHIIIIHHBBBBHHBBH")
    ends = (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes(4), 1, 2)
    return header + b"".join(
        record.pack(*ends, 3, first + i, 8000, 9000, 1024, 443, 0, 0x1B, 6, 0, 0, 0, 24, 16, 0) for i in range(RECORDS)
    )


@dataclass
class Running:
    """A collector and what was sent to it."""

    name: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    def end(self, number: int = signal.SIGTERM, seconds: float = 60) -> int | None:
        """Its exit code; None if it had to be killed."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    name: str, folder: Path, slot: int, port: int | None = None, environment: dict[str, str] | None = None
) -> Running:
    """Start a collector and wait until it listens, at most 20 s; it may end before."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    log = folder.parent / f"log-{port}"
    commands = {
        "nftui": [sys.executable, "-m", "nftui", "collect", "-p", f"127.0.0.1:{port}", "-l", str(folder)],
        "nfcapd": ["nfcapd", "-w", str(folder), "-b", "127.0.0.1", "-p", str(port)],
    }
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*commands[name], "-t", str(slot), "-B", str(BUFFER)], stdout=said, stderr=said,
            env=os.environ | (environment or {}),
        )  # fmt: skip
    end = time.monotonic() + 20
    listening = f":{port:04X} "
    while time.monotonic() < end and process.poll() is None and listening not in Path("/proc/net/udp").read_text():
        time.sleep(0.05)
    time.sleep(0.5)
    return Running(name, port, folder, process, log)


def send(port: int, first: int, datagrams: int, per_second: int = 700) -> int:
    """Send numbered flows at a rate; returns the next number."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        begin = time.monotonic()
        for number in range(datagrams):
            with suppress(OSError):  # nobody listens any more
                sender.send(v5(first + number * RECORDS))
            if number % 7 == 6:
                time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
    return first + datagrams * RECORDS


def readable(name: str, folder: Path) -> list[int]:
    """Serial numbers of all flows that the collector's own tool reads."""
    if name == "nftui":
        command = [sys.executable, "-m", "nftui", "dump", "-R", str(folder), "-q", "-N", "-o", "fmt:%byt"]
    else:
        command = ["nfdump", "-R", str(folder), "-q", "-N", "-o", "fmt:%byt"]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    return [int(line) for line in said.splitlines() if line.strip().isdecimal()]


def sums(name: str, folder: Path, sent: int) -> str:
    """What of the flows 0 to `sent` is readable."""
    found = readable(name, folder)
    lost = sent - len(set(found))
    doubled = len(found) - len(set(found))
    return f"{lost} of {sent} lost" + (f", {doubled} doubled" if doubled else "")


def kill(name: str, folder: Path) -> str:
    """SIGKILL after 10 s of 21 000 flows/s in a slot of five minutes, then a new start."""
    running = start(name, folder, 300)
    sent = send(running.port, 0, 7000)
    running.process.kill()
    running.process.wait()
    again = start(name, folder, 300)
    again.end()
    return sums(name, folder, sent)


def restarts(name: str, folder: Path) -> str:
    """Ten restarts within one slot, 300 flows in each run."""
    sent = 0
    for _ in range(10):
        running = start(name, folder, 3600)
        sent = send(running.port, sent, 10)
        time.sleep(0.3)
        running.end()
    return sums(name, folder, sent)


def writers(name: str, folder: Path) -> str:
    """A second collector on the same directory; 300 flows to each that runs."""
    first = start(name, folder, 3600)
    second = start(name, folder, 3600)
    took = second.alive
    sent = send(first.port, 0, 10)
    if took:
        sent = send(second.port, sent, 10)
    time.sleep(0.5)
    first.end()
    code = second.end() if took else second.process.wait()
    return f"second: {'runs' if took else f'exit {code}'}; {sums(name, folder, sent)}"


def full(name: str, folder: Path) -> str:
    """A disk of 8 MiB that is full after 60 flows were stored; 300 flows; then room again, and 300 flows more."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    try:
        store = folder / "s"
        running = start(name, store, 2)
        sent = send(running.port, 0, 2)
        time.sleep(4)
        with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        sent = send(running.port, sent, 10)
        time.sleep(5)
        alive = "alive" if running.alive else f"ended with {running.process.wait()}"
        (folder / "filler").unlink()
        time.sleep(3)
        sent = send(running.port, sent, 10)
        time.sleep(3)
        running.end()
        return f"{alive} while full; {sums(name, store, sent)}"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def removed(name: str, folder: Path) -> str:
    """The directory is removed and made again while it runs; 300 flows after that."""
    running = start(name, folder, 2)
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    time.sleep(3)
    alive = "alive" if running.alive else f"ended with {running.process.wait()}"
    folder.mkdir()
    time.sleep(3)
    sent = send(running.port, 0, 10)
    time.sleep(4)
    code = running.end()
    return f"{alive}; {sums(name, folder, sent)}; exit {code}"


def clock(name: str, folder: Path) -> str:
    """300 flows, the clock an hour back, 300 flows, an hour forward again, 300 flows; slots of two seconds."""
    folder.mkdir()
    source, library, offset = folder.parent / "moved.c", folder.parent / "moved.so", folder.parent / "offset"
    source.write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
    offset.write_text("0")
    running = start(name, folder, 2, environment={"LD_PRELOAD": str(library), "MOVED_CLOCK": str(offset)})
    sent = 0
    for step in (0, -3600, 0):
        offset.write_text(str(step))
        time.sleep(0.5)
        sent = send(running.port, sent, 10)
        time.sleep(3)
    code = running.end()
    return f"{sums(name, folder, sent)}; exit {code}"


def torn(name: str, folder: Path) -> str:
    """Three slots, the second file cut in half: what the query tool answers."""
    sent = 0
    running = start(name, folder, 2)
    for _ in range(3):
        sent = send(running.port, sent, 10)
        time.sleep(2.2)
    running.end()
    pattern = "*.parquet" if name == "nftui" else "nfcapd.2*"
    files = sorted(path for path in folder.rglob(pattern) if len(readable_file(name, path)) >= 100)
    middle = files[len(files) // 2]
    own = len(readable_file(name, middle))
    os.truncate(middle, middle.stat().st_size // 2)
    tool = [sys.executable, "-m", "nftui", "dump"] if name == "nftui" else ["nfdump"]
    done = subprocess.run([*tool, "-R", str(folder), "-q"], capture_output=True, text=True)
    others = len(set(readable(name, folder)))
    return f"{others} of {sent - own} flows of the other files; exit {done.returncode}"


def readable_file(name: str, path: Path) -> list[int]:
    tool = [sys.executable, "-m", "nftui", "dump"] if name == "nftui" else ["nfdump"]
    said = subprocess.run([*tool, "-r", str(path), "-q", "-N", "-o", "fmt:%byt"], capture_output=True, text=True).stdout
    return [int(line) for line in said.splitlines() if line.strip().isdecimal()]


def terminated(name: str, folder: Path) -> str:
    """SIGTERM in the middle of 21 000 flows/s: how long until it ends."""
    running = start(name, folder, 300)
    sent = send(running.port, 0, 2000)
    began = time.monotonic()
    code = running.end()
    return f"{time.monotonic() - began:.1f} s, exit {code}; {sums(name, folder, sent)}"


def quiet(name: str, folder: Path) -> str:
    """Five packets on a silent link: how many a probe, softflowd beside nftui, has metered after two seconds."""
    folder.mkdir()
    space, socket_path = f"quiet{os.getpid()}", folder / "ctl"
    inside = ["ip", "netns", "exec", space]
    nftui = [sys.executable, "-m", "nftui"]
    probes = {
        "nftui": [*nftui, "probe", "-i", "right", "-n", "127.0.0.1:24490", "-c", str(socket_path)],
        "nfcapd": ["softflowd", "-d", "-i", "right", "-n", "127.0.0.1:24490", "-c", str(socket_path),
                   "-p", str(folder / "pid")],
    }  # fmt: skip
    ask = [*nftui, "ctl"] if name == "nftui" else ["softflowctl"]
    subprocess.run(["ip", "netns", "add", space], check=True)
    try:
        for command in (
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1",
            "ip link set lo up",
            "ip link add left type veth peer name right",
            "ip link set left up",
            "ip link set right up",
        ):
            subprocess.run([*inside, *command.split()], check=True)
        probe = subprocess.Popen([*inside, *probes[name]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(4)
        code = "import socket; s = socket.socket(17, 3); s.bind(('left', 0)); [s.send({frame!r}) for _ in range(5)]"
        packet = struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 28, 1, 0, 64, 17, 0, b"\n\0\0\1", b"\n\0\0\2", 5, 6, 8, 0)
        frame = bytes(12) + b"\x08\0" + packet
        subprocess.run([*inside, sys.executable, "-c", code.format(frame=frame)], check=True)
        time.sleep(2)
        said = subprocess.run([*inside, *ask, "-c", str(socket_path), "statistics"], capture_output=True, text=True)
        probe.terminate()
        probe.wait(20)
    finally:
        subprocess.run(["ip", "netns", "del", space], check=True)
    seen = next(line.split()[-1] for line in said.stdout.splitlines() if line.startswith("Packets processed"))
    return f"{'' if name == 'nftui' else 'softflowd: '}{seen} of 5"


CASES: dict[str, Callable[[str, Path], str]] = {
    "kill": kill, "restarts": restarts, "writers": writers, "full": full, "removed": removed, "clock": clock,
    "torn": torn, "terminated": terminated, "quiet": quiet,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; all if there is none")
    parser.add_argument("--collectors", nargs="+", default=NAMES, choices=NAMES)
    options = parser.parse_args()
    print("| case | " + " | ".join(options.collectors) + " |")
    print("| --- |" + " --- |" * len(options.collectors))
    for case in options.cases or CASES:
        row = []
        for name in options.collectors:
            with tempfile.TemporaryDirectory() as place:
                row.append(CASES[case](name, Path(place) / "s"))
        print(f"| {str(CASES[case].__doc__).rstrip('.')} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
