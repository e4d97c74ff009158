"""A `nftui collect` in its own process, and NetFlow v5 written by hand to feed it."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from nftui.engine.control import ask, socket_path
from nftui.errors import BackendError

RUN = "from nftui.__main__ import main; main()"
RECORDS = 30
FULL = os.environ.get("NFTUI_FULL") == "1"
"""Whether the long variants run: all 200 kills, every combination, and times held against their promises."""
PATIENCE_SECONDS = 120
"""How long a busy machine may take for anything before a test calls it missing."""


def v5(first: int, count: int = RECORDS, sequence: int | None = None) -> bytes:
    """A datagram whose records carry the serial numbers from `first` as their bytes."""
    header = struct.pack(
        "!HHIIIIBBH", 5, count, 1000, int(time.time()), 0, first if sequence is None else sequence, 0, 0, 0
    )
    return header + b"".join(
        struct.pack(
            "!4s4s4sHHIIIIHHBBBBHHBBH",
            bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes(4), 1, 2, 3, first + i, 500, 900, 1024, 443,
            0, 0x1B, 6, 0, 0, 0, 24, 16, 0,
        )
        for i in range(count)
    )  # fmt: skip


class Collector:
    """Starts when made; `stop` with a signal gives what it said on standard error.

    Args:
        store: its directory.
        options: of `nftui collect`.
        wait: until it answers at its control socket.
        fault: Python that runs in its process before anything else: what goes wrong.
        before: command that it is started by, such as one that takes rights away.
        environment: variables beside those of the test.
        control: its control socket, if it is not that of the store.
    """

    def __init__(
        self,
        store: Path,
        *options: str,
        wait: bool = True,
        fault: str = "",
        before: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        control: Path | None = None,
    ) -> None:
        self.store = store
        self.control = control or socket_path(store)
        command = [*before, sys.executable, "-c", f"{fault}\n{RUN}", "collect", "-l", str(store), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {})
        )
        if wait:
            try:
                self.wait_for(lambda: self.ask("health") is not None)
            except AssertionError:
                self.process.kill()
                raise

    def ask(self, question: str):
        """Answer of the control socket, None when there is none."""
        try:
            return ask(self.control, question, PATIENCE_SECONDS)
        except BackendError:
            return None

    def counts(self) -> dict[str, int]:
        return self.ask("health")["counts"]

    def wait_for(self, condition, seconds: float = PATIENCE_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"collector ended: {self.process.communicate()}")
            assert time.monotonic() < end, "condition not met in time"
            time.sleep(0.02)

    def wait_until_taken(self, datagrams: int) -> None:
        """Until so many datagrams were received."""
        self.wait_for(lambda: self.counts().get("datagrams.received", 0) >= datagrams)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out, err


def send(port: int, *payloads: bytes, host: str = "127.0.0.1", source: str = "", source_port: int = 0) -> None:
    """Send datagrams from one socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        if source or source_port:
            sender.bind((source, source_port))
        for payload in payloads:
            sender.sendto(payload, (host, port))


def stored(store: Path, column: str = "bytes") -> list[int]:
    """Values of a column over all flows of a store: sealed, or in segments that a quick end left for the next start."""
    import duckdb

    from nftui.engine.store.catalog import Catalog

    with Catalog(store).snapshot() as snapshot:
        files = [file.file for file in snapshot.sealed]
        found = [value for reader in snapshot.live for value in reader.table([column]).column(0).to_pylist()]
    if files:
        sql = f"SELECT {column} FROM read_parquet({json.dumps(files)}, union_by_name=true)"
        found += [row[0] for row in duckdb.execute(sql).fetchall()]
    return found
