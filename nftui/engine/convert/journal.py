"""How far a conversion is, on disk: what is in it is finished and is not done again.

The journal lies in the work directory beside the output, `.NAME.converting`, with everything that is not finished.
It is replaced as a whole, after what it speaks of was forced to the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nftui.engine.convert.inputs import Input, Outcome
from nftui.engine.store import disk
from nftui.errors import StoreError

_NAME = "journal.json"
_VERSION = 1


def work_directory(output: Path) -> Path:
    """Where an unfinished conversion to this output lies."""
    return output.parent / f".{output.name}.converting"


@dataclass(slots=True)
class Journal:
    """How far a conversion is.

    Attributes:
        folder: the work directory.
        task: fingerprint of everything that must stay the same: format, filter, window, key.
        done: finished inputs and what became of them, by their paths.
        state: what the output must know to go on.
    """

    folder: Path
    task: str
    done: dict[str, tuple[Input, Outcome]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    def has(self, item: Input) -> bool:
        """Whether an input is finished, and has not changed since."""
        return item.path in self.done and self.done[item.path][0] == item

    def save(self) -> None:
        """Write it, durably."""
        entries = [[asdict(item), asdict(outcome)] for item, outcome in self.done.values()]
        text = json.dumps({"version": _VERSION, "task": self.task, "done": entries, "state": self.state})
        temporary = self.folder / f"{_NAME}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / _NAME)
        disk.sync_directory(self.folder)

    @classmethod
    def load(cls, folder: Path, task: str) -> Journal:
        """The journal of an earlier run; an empty one if there is none.

        Raises:
            StoreError: it is of another task, or cannot be read.
        """
        journal = cls(folder, task)
        path = folder / _NAME
        if not path.exists():
            return journal
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["version"] != _VERSION or found["task"] != task:
                raise StoreError(f"{folder}: was begun with other options; remove it to begin anew")
            for item, outcome in found["done"]:
                journal.done[item["path"]] = (Input(**item), Outcome(**outcome))
            journal.state = found["state"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: cannot be read: {error}; remove {folder} to begin anew") from error
        return journal


class History:
    """Files that were converted into a store, kept in it, so that none is by accident converted twice.

    A line per file, as JSON: path, size, time of its last change, and what was chosen of it.

    Args:
        store: the directory.
        choice: fingerprint of filter, window and key.
    """

    def __init__(self, store: Path, choice: str) -> None:
        self._path = store / "_converted.jsonl"
        self._choice = choice

    def without(self, inputs: Sequence[Input]) -> list[Input]:
        """The inputs that are not in it. Raises OSError."""
        if not self._path.exists():
            return list(inputs)
        with self._path.open(encoding="utf-8") as file:
            known = {line.rstrip("\n") for line in file}
        return [item for item in inputs if self._line(item) not in known]

    def add(self, inputs: Sequence[Input]) -> None:
        """Note inputs that are converted, durably. Raises OSError."""
        new = self.without(inputs)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(self._line(item) + "\n" for item in new)
            file.flush()
            os.fsync(file.fileno())

    def _line(self, item: Input) -> str:
        return json.dumps([os.path.abspath(item.path), item.size, item.changed_ns, self._choice])


def fingerprint(*parts: object) -> str:
    """A short word for what a conversion was asked for."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
