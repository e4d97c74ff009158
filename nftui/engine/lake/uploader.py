"""Brings finished files to the lake while the collector runs, in a process of its own.

Not in a thread: Arrow's calls to a service can neither be interrupted nor left behind when the program ends (with a
service that was silent, the end of the process waited until the call timed out). A process can be killed at any
moment, which is safe at every step of `nftui.engine.lake.upload`; and its memory and its time are not those of
reception. It runs only while there is something to bring.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path

from nftui.config import LakeConfig
from nftui.engine.lake.journal import Journal
from nftui.engine.lake.settings import read_settings
from nftui.engine.ledger import Ledger
from nftui.engine.store.catalog import Catalog, SlotFile
from nftui.text import clean

_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 5.0
"""Between two uploads: a process costs half a second of processor time."""
_TIDY_SECONDS = 3600.0
_LONGEST_PAUSE_SECONDS = 300.0
_POLL_SECONDS = 0.2
_SILENT_SECONDS = 120.0
"""A process that says nothing for so long hangs: it says so with each piece that it has sent."""
_STOP_SECONDS = 0.3
_LATE_SECONDS = 900
_LINE_BYTES = 4096
_PROGRAM = (sys.executable, "-P", "-m", "nftui", "upload", "--background")


class Uploader:
    """Starts uploads, counts what they report, and waits longer after each one that failed.

    Args:
        store: the local store.
        config: with a lake.
        ledger: counts `lake.<name>`.
        program: what is run, with `-l STORE`.

    Raises:
        ConfigError: the configuration is not understood.
    """

    def __init__(self, store: Path, config: LakeConfig, ledger: Ledger, program: tuple[str, ...] = _PROGRAM) -> None:
        self._settings = read_settings(config, store)
        self._store = store
        self._config = config
        self._ledger = ledger
        self._program = program
        self._catalog = Catalog(store)
        self._journal = Journal(store, self._settings.place, self._settings.site)
        self._seen: dict[str, SlotFile] = {}
        self._levels = {"lake.waiting": 0, "lake.lag_seconds": 0}
        ledger.commit(self._levels)
        self._failures = 0
        self._error = ""

    @property
    def problem(self) -> str:
        """What is wrong with the lake or the way to it, in words; empty when nothing."""
        waiting, lag = self._levels["lake.waiting"], self._levels["lake.lag_seconds"]
        if not self._error and lag < _LATE_SECONDS:
            return ""
        behind = f"the lake lacks {waiting} finished files, the oldest for {lag} s" if waiting else ""
        return ": ".join(part for part in (behind, self._error) if part)

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        due = tidy = time.monotonic()
        while not stopping.wait(_LOOK_SECONDS):
            waiting = self.look()
            now = time.monotonic()
            if now < due or not (waiting or now >= tidy):
                continue
            done = self.once(stopping)
            if stopping.is_set():
                return
            self.look()
            if done:
                self._failures, self._error, tidy = 0, "", time.monotonic() + _TIDY_SECONDS
                due = time.monotonic() + _PAUSE_SECONDS
            else:
                self._failures += 1
                due = time.monotonic() + min(_LONGEST_PAUSE_SECONDS, _PAUSE_SECONDS * 2 ** min(self._failures - 1, 10))

    def look(self) -> int:
        """Count the files that wait, and those that were removed from the store before they were in the lake."""
        try:
            stems = self._journal.stems()
            files = {file.name.stem: file for file in self._catalog.slots()}
        except OSError as error:
            self._error = clean(f"cannot look what waits for the lake: {error}")
            return 0
        oldest = 0 if self._settings.keep_ms is None else time.time() * 1000 - self._settings.keep_ms
        waiting = {stem: file for stem, file in files.items() if stem not in stems and file.name.last_slot_ms >= oldest}
        compacted = {file.path.parent for file in files.values() if file.name.hour}
        missed = [
            stem
            for stem, file in self._seen.items()
            if stem not in files and stem not in stems and file.path.parent not in compacted
        ]
        self._seen = waiting
        lag = 0
        if waiting:
            with contextlib.suppress(OSError):
                lag = max(0, int(time.time() - os.stat(next(iter(waiting.values())).file).st_mtime))
        levels = {"lake.waiting": len(waiting), "lake.lag_seconds": lag}
        changes = {name: level - self._levels[name] for name, level in levels.items() if level != self._levels[name]}
        self._levels = levels
        self._ledger.commit(changes | ({"lake.missed": len(missed)} if missed else {}))
        return len(waiting)

    def once(self, stopping: threading.Event) -> bool:
        """Bring what waits; whether nothing failed. Ends early, with nothing half done, when it should stop."""
        environment = os.environ | {
            f"NFTUI_LAKE_{item.name.upper()}": str(getattr(self._config, item.name)) for item in fields(LakeConfig)
        }
        if self._failures:
            self._ledger.commit({"lake.retried": 1})
        try:
            child = subprocess.Popen(  # noqa: S603 - our own program
                [*self._program, "-l", str(self._store)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            return self._fail("other", f"cannot start an upload: {error.strerror}")
        try:
            reason = self._attend(child, stopping)
        finally:
            if child.poll() is None:
                child.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_STOP_SECONDS)
            assert child.stdout is not None
            child.stdout.close()
        if stopping.is_set():
            return False
        if reason == "silent":
            return self._fail("hung", f"lake {self._settings.place.label}: the upload hangs")
        if child.returncode and not reason:
            return self._fail("other", f"an upload ended with code {child.returncode}")
        return not reason

    def _attend(self, child: subprocess.Popen[bytes], stopping: threading.Event) -> str:
        """Take what a process reports until it ends or should; `failed` or `silent` if it did not go well."""
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        heard = time.monotonic()
        rest = b""
        reason = ""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not stopping.is_set():
                if not selector.select(_POLL_SECONDS):
                    if time.monotonic() - heard > _SILENT_SECONDS:
                        return "silent"
                    continue
                piece = child.stdout.read(65_536)
                if piece == b"":
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(_STOP_SECONDS)
                    return reason
                heard = time.monotonic()
                *lines, rest = (rest + (piece or b"")).split(b"\n")
                rest = rest[-_LINE_BYTES:]
                for line in lines:
                    reason = self._take(line) or reason
        return reason

    def _take(self, line: bytes) -> str:
        """Count what a line says: amounts by counter, or what failed."""
        try:
            said = json.loads(line)
        except ValueError:
            return ""
        if "failed" in said:
            self._fail(str(said["failed"]), str(said.get("error", "")))
            return "failed"
        self._ledger.commit({name: int(amount) for name, amount in said.items()})
        return ""

    def _fail(self, cause: str, error: str) -> bool:
        self._error = clean(error, 400)
        self._ledger.commit({f"lake.failed.{cause}": 1})
        return False
