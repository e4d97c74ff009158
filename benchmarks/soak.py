"""A collector for half an hour among exporters that misbehave and a machine that fails: do its sums hold?

    python benchmarks/soak.py --seconds 1800
    make soak SECONDS=600

Eight exporters send NetFlow v5, v9 and IPFIX, sFlow, noise and templates, lose, repeat and swap datagrams and start
anew. Meanwhile questions are asked, files are compacted and expired, the disk is full for a while (where a tmpfs can be
mounted), a reader of the control socket does not read, and in the second half the collector is ended by SIGTERM and by
SIGKILL, with exporters that pause or that do not. Twice a second the collector's own sums are added up. Ends with code
1 and the reasons if any promise did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from soak_exporters import KINDS, Exporters
from soak_watch import Watch

from nftui.engine.control import socket_path
from nftui.engine.counters import total
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.store.catalog import Catalog

_NFTUI = (sys.executable, "-P", "-m", "nftui")
_DISK = "512m"
_SHORT = 300.0
"""Shorter runs have short slots, and restarts from the beginning."""
_WHILE_RUNNING = ("ask", "reader", "upkeep", "disk")
_WITH_RESTARTS = ("terminate", "kill-busy", "disk", "ask", "kill", "upkeep", "terminate-busy", "reader")


class Soak:
    """The collector, its exporters and its store.

    Args:
        folder: where everything lies; on a small disk of its own if `small`.
        rate: flows per second of each exporter.
        seconds: how long, about.
        small: whether the disk can be filled.
    """

    def __init__(self, folder: Path, rate: float, seconds: float, small: bool) -> None:
        self.store = folder / "store"
        self.small = small
        self.seconds = seconds
        self._most = f"{max(1, round(seconds / 45))}M"
        self.faults: dict[str, int] = {}
        self.questions = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.watch = Watch(socket_path(self.store))
        self.exporters = Exporters(self.port, rate, 1)
        self._log = (folder.parent / "collector.log").open("ab")
        self._sent_before: int | None = 0
        self._life_ms = 0
        self.equal_datagrams = self.equal_flows = 0
        self.process = self._start()

    def run(self) -> None:
        """Everything, one fault after the other; ends by itself."""
        self.exporters.start()
        self.exporters.go()
        began = time.monotonic()
        pause = max(0.2, self.seconds / 60)
        while (elapsed := time.monotonic() - began) < self.seconds:
            # A long run leaves the first process alone, to see that it does not grow.
            cycle = _WITH_RESTARTS if self.seconds < _SHORT or elapsed > self.seconds / 2 else _WHILE_RUNNING
            for name in cycle:
                time.sleep(min(pause, max(0.0, began + self.seconds - time.monotonic())))
                if time.monotonic() - began >= self.seconds:
                    break
                self._inject(name)
        self._restart(signal.SIGTERM, held=True, again=False)
        self.exporters.stop()
        self.watch.close()
        self.watch.conclude()
        self._check_store()

    def _inject(self, name: str) -> None:
        if name == "disk" and not self.small:
            return
        self.faults[name] = self.faults.get(name, 0) + 1
        seconds, mb = self.watch.lives[-1].memory[-1] if self.watch.lives[-1].memory else (0.0, 0.0)
        print(f"process {len(self.watch.lives)}, {seconds:.0f} s, {mb:.0f} MB: {name}", file=sys.stderr, flush=True)
        if name == "ask":
            self._ask()
        elif name == "reader":
            self._read_slowly()
        elif name == "upkeep":
            self._run("compact", "-l", str(self.store))
            self._run("expire", "-s", self._most, "-e", str(self.store))
        elif name == "disk":
            self._fill_disk()
        else:
            number = signal.SIGTERM if name.startswith("terminate") else signal.SIGKILL
            self._restart(number, held=not name.endswith("busy"))

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*_NFTUI, "collect", "-l", str(self.store), "-p", f"127.0.0.1:{self.port}", "-t",
             "5" if self.seconds < _SHORT else "60", "--expire-size", self._most, "-B", "8000000"],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        self._life_ms = time.time_ns() // 1_000_000
        self.watch.begin(process.pid)
        end = time.monotonic() + 60
        while not self.watch.counts and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        return process

    def _restart(self, number: int, held: bool, again: bool = True) -> None:
        """End the collector, compare what can be compared, and start it again."""
        if held:
            self.exporters.hold()
            self._compare_datagrams()
        before = dict(self.watch.counts)
        self.process.send_signal(number)
        began = time.monotonic()
        code = self.process.wait(60)
        took = time.monotonic() - began
        if number == signal.SIGTERM:
            if code != 0:
                self.watch.note(f"SIGTERM: exit code {code}")
            if took > 10:
                self.watch.note(f"SIGTERM: ended after {took:.1f} s")
        life_ms, ended_ms = self._life_ms, time.time_ns() // 1_000_000
        if again:
            self.process = self._start()
            self._sent_before = self.exporters.sent() if held else None
        self._compare_flows(before, life_ms, ended_ms, exact=held and number == signal.SIGTERM)
        if held and again:
            self.exporters.go()

    def _compare_datagrams(self) -> None:
        """Wait until all is received; it is what was sent since the collector's start, if the exporters paused then."""
        sent = None if self._sent_before is None else self.exporters.sent() - self._sent_before
        seen, before, end = 0, -1, time.monotonic() + 60
        while (seen != before if sent is None else seen < sent) and time.monotonic() < end:
            time.sleep(1.0)
            counts = self.watch.counts
            before, seen = seen, counts.get("datagrams.received", 0) + counts.get("kernel.dropped", 0)
        if sent is None:
            return
        self.equal_datagrams += 1
        if seen != sent:
            self.watch.note(f"{sent} datagrams sent, {seen} received or dropped by the kernel")

    def _compare_flows(self, counts: dict[str, int], first_ms: int, last_ms: int, exact: bool) -> None:
        """What a collector said that it stored is what a question finds.

        Args:
            counts: its last ones.
            first_ms: its start.
            last_ms: its end.
            exact: it had nothing more to do.
        """
        slots = Catalog(self.store).slots()
        if not slots or slots[0].start_ms > first_ms:
            return  # part of it has expired
        found = self._count(first_ms, last_ms)
        least = counts.get("flows.stored", 0)
        most = counts.get("flows.in", 0) - total(counts, "flows.failed")
        self.equal_flows += exact
        if found < least or (exact and found != most):
            self.watch.note(f"{least} flows stored, {most} in all, {found} found")

    def _count(self, first_ms: int, last_ms: int) -> int:
        """Flows that were received in a time, by a question to the store."""
        session = Session(find_sources([str(self.store)]), "256MB", 1)
        try:
            where = f"time_received_ms BETWEEN {first_ms} AND {last_ms}"
            rows = session.all_rows(("time_received_ms",), lambda table: f"SELECT count(*) FROM {table} WHERE {where}")
            skipped = [item for item in session.sources.skipped if "gone" not in item[1]]
        finally:
            session.close()
        if skipped:
            self.watch.note(f"left out of an answer: {skipped[0]}")
        return int(rows[0][0])

    def _ask(self) -> None:
        for words in (
            ("-s", "srcip/bytes", "-n", "5"),
            ("--series", "1m", "-t", "-1h"),
            ("-s", "dstport/flows", "proto tcp"),
        ):
            self._run("dump", "-r", str(self.store), *words, partial=True)
            self.questions += 1

    def _run(self, *words: str, partial: bool = False) -> None:
        done = subprocess.run([*_NFTUI, *words], capture_output=True, text=True, timeout=300)
        # Files may expire while a question is on its way: it says so, with code 3.
        gone = partial and done.returncode == 3 and "gone" in done.stderr
        if (done.returncode and not gone) or "Traceback" in done.stderr:
            self.watch.note(f"nftui {words[0]}: exit code {done.returncode}: {done.stderr.strip()[-200:]}")

    def _read_slowly(self) -> None:
        """Ask and do not read; ask half a question and say no more."""
        for said in (b'{"ask": "exporters"}\n', b'{"ask":'):
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                reader.connect(str(socket_path(self.store)))
                reader.sendall(said)
                time.sleep(min(6.0, self.seconds / 20))

    def _fill_disk(self) -> None:
        filler = self.store.parent / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        time.sleep(min(20.0, self.seconds / 20))
        filler.unlink()
        end = time.monotonic() + 30
        stored = self.watch.counts.get("flows.stored", 0)
        while self.watch.counts.get("flows.stored", 0) <= stored:
            if time.monotonic() > end:
                self.watch.note("nothing was written for 30 s after the disk had room again")
                return
            time.sleep(0.2)

    def _check_store(self) -> None:
        self._run("verify", "-l", str(self.store))
        for name in ("_live", "_tmp", "_quarantine"):
            if left := [path.name for path in (self.store / name).glob("*")]:
                self.watch.note(f"left in {name}: {left[0]}")

    def report(self) -> dict[str, object]:
        """Figures of the whole run, for one line of a table."""
        lives = self.watch.lives
        sums: dict[str, int] = {}
        for life in lives:
            for name in ("datagrams.received", "datagrams.decoded", "records.seen", "flows.in", "flows.stored"):
                sums[name] = sums.get(name, 0) + life.counts.get(name, 0)
            for name in ("flows.failed", "kernel.dropped", "sequence.lost", "datagrams.rejected"):
                sums[name] = sums.get(name, 0) + total(life.counts, name)
        growths = [round(growth, 1) for life in lives if (growth := life.growth_mb()) is not None]
        return {
            "benchmark": "soak", "seconds": self.seconds, "exporters": len(KINDS), "processes": len(lives),
            "snapshots": sum(life.snapshots for life in lives), "unanswered": self.watch.unanswered, **sums,
            "sent": self.exporters.sent(), "compared_datagrams": self.equal_datagrams,
            "compared_flows": self.equal_flows,
            "questions": self.questions,
            "faults": " ".join(f"{name} {count}" for name, count in sorted(self.faults.items())),
            "memory_mb": max((mb for life in lives for _, mb in life.memory), default=0.0),
            "growth_mb": " ".join(map(str, growths)),
            "more_descriptors": max((life.more_descriptors() for life in lives), default=0),
            "drift_ms": max((life.drift_ms for life in lives), default=0.0), "broken": len(self.watch.broken),
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--rate", type=float, default=400, help="flows per second of each exporter")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nftui-soak-") as name:
        disk = Path(name) / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(disk)]
        small = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
        try:
            soak = Soak(disk, args.rate, args.seconds, small)
            try:
                soak.run()
            finally:
                soak.process.kill()
                soak.exporters.stop()
        finally:
            if small:
                subprocess.run(["umount", "-l", str(disk)], check=True)
        log = (Path(name) / "collector.log").read_text(errors="replace")
    print(json.dumps(soak.report()))
    if "Traceback" in log:
        soak.watch.note(f"a traceback of the collector: {log[log.index('Traceback') :][:500]}")
    for reason in soak.watch.broken:
        print(f"broken: {reason}", file=sys.stderr)
    return 1 if soak.watch.broken else 0


if __name__ == "__main__":
    sys.exit(main())
