"""The user's command for each new finding: the finding as JSON on its standard input, never through a shell."""

from __future__ import annotations

import json
import queue
import shlex
import subprocess
import threading
from dataclasses import asdict

from nftui.engine.ledger import Ledger
from nftui.engine.watch.finding import Finding
from nftui.errors import ConfigError

_WAITING = 100
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.2


class FindingCommand:
    """Runs a command for one finding after the other.

    Nothing of a finding becomes part of the command line, so that nothing an exporter sends can be taken for an
    option or a path.

    Args:
        command: the words, in shell quoting.
        ledger: counts `watch.commands.run`, `watch.commands.failed` and `watch.commands.skipped`.
    """

    def __init__(self, command: str, ledger: Ledger) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise ConfigError(f"watch.command: {command}: {error}") from None
        if not self._words:
            raise ConfigError("watch.command is empty")
        self._ledger = ledger
        self._queue: queue.Queue[Finding] = queue.Queue(_WAITING)

    def add(self, finding: Finding) -> None:
        """Queue a finding. Never waits."""
        try:
            self._queue.put_nowait(finding)
        except queue.Full:
            self._ledger.commit({"watch.commands.skipped": 1})

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread."""
        while not stopping.is_set():
            try:
                finding = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            self._execute(finding, stopping)

    def _execute(self, finding: Finding, stopping: threading.Event) -> None:
        document = json.dumps({**asdict(finding), "evidence": dict(finding.evidence)}) + "\n"
        self._ledger.commit({"watch.commands.run": 1})
        try:
            child = subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603
        except OSError:
            self._ledger.commit({"watch.commands.failed": 1})
            return
        writing: bytes | None = document.encode()
        waited = 0.0
        while waited < _TIMEOUT_SECONDS and not stopping.is_set():
            try:
                child.communicate(writing, timeout=_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                writing = None  # what is left of it is written by the next call
                waited += _POLL_SECONDS
            except OSError:  # it does not read
                break
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.returncode:
            self._ledger.commit({"watch.commands.failed": 1})
