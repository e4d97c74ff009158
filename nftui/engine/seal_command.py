"""The user's command for each finished file, nfcapd's `-x`."""

from __future__ import annotations

import queue
import shlex
import subprocess
import threading
from datetime import UTC, datetime

from nftui.engine.ledger import Ledger
from nftui.engine.store.seal import SealedSlot
from nftui.errors import UsageError

_WAITING = 1000
_TIMEOUT_SECONDS = 300
_POLL_SECONDS = 0.2


class SealCommand:
    """Runs a command for one file after the other, never through a shell.

    In each word `%d` becomes the store's directory, `%f` the file below it, `%t` the start of the slot as
    `YYYYMMDDhhmm` UTC, `%u` the same as UNIX time, `%i` the ident and `%%` a percent sign, as in nfcapd(1).
    Words are split before anything is filled in, so that nothing in a name can become a word of its own.

    Args:
        command: the words, in shell quoting.
        root: the store.
        ident: the collector's name.
        ledger: counts `commands.run`, `commands.failed` and `commands.skipped`.
    """

    def __init__(self, command: str, root: str, ident: str, ledger: Ledger) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"-x {command}: {error}") from None
        if not self._words:
            raise UsageError("-x: the command is empty")
        self._root = root
        self._ident = ident
        self._ledger = ledger
        self._files: queue.Queue[SealedSlot] = queue.Queue(_WAITING)

    def add(self, sealed: SealedSlot) -> None:
        """Queue a file. Never waits: a command that hangs must not stop the store."""
        try:
            self._files.put_nowait(sealed)
        except queue.Full:
            self._ledger.commit({"commands.skipped": 1})

    def run(self, stopping: threading.Event) -> None:
        """Body of the thread. What is queued when it should stop is still started, but not waited for long."""
        while not (stopping.is_set() and self._files.empty()):
            try:
                sealed = self._files.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            self._execute(self.words(sealed), stopping)

    def words(self, sealed: SealedSlot) -> list[str]:
        """The command for a file."""
        start = datetime.fromtimestamp(sealed.slot_ms / 1000, UTC)
        values = {
            "%d": self._root,
            "%f": str(sealed.path.relative_to(self._root)),
            "%t": f"{start:%Y%m%d%H%M}",
            "%u": str(sealed.slot_ms // 1000),
            "%i": self._ident,
            "%%": "%",
        }
        return [_fill(word, values) for word in self._words]

    def _execute(self, words: list[str], stopping: threading.Event) -> None:
        self._ledger.commit({"commands.run": 1})
        try:
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603
        except OSError:
            self._ledger.commit({"commands.failed": 1})
            return
        waited = 0.0
        while child.poll() is None and waited < (_POLL_SECONDS if stopping.is_set() else _TIMEOUT_SECONDS):
            try:
                child.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                waited += _POLL_SECONDS
        if child.poll() is None and not stopping.is_set():
            child.kill()
            child.wait()
        if child.returncode:
            self._ledger.commit({"commands.failed": 1})


def _fill(word: str, values: dict[str, str]) -> str:
    out = []
    position = 0
    while position < len(word):
        pair = word[position : position + 2]
        out.append(values.get(pair, word[position]))
        position += 2 if pair in values else 1
    return "".join(out)
