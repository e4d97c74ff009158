"""What must hold for what processes say to each other: the control socket, and the file of templates."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from promises import BrokenPromise, harmless

from nftui.engine.answers import restore
from nftui.engine.control import answer_to, read_answer
from nftui.engine.convert.journal import Journal
from nftui.engine.decode.decoder import Decoder
from nftui.engine.decode.status import ExporterStatus
from nftui.engine.health import Health
from nftui.engine.ingest.allow import Refused, parse_network
from nftui.engine.ingest.template_file import STATE, TemplateFile
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.store.state_file import StateFile, json_pieces
from nftui.engine.watch.beacon import BeaconFinder
from nftui.engine.watch.kept import NAME, decode, encode
from nftui.engine.watch.moment import Hashes, moment
from nftui.engine.watch.service import ServiceFinder
from nftui.errors import BackendError, StoreError

_NOW_MS = 1_700_000_000_000
_WATCH_LIMITS = Limits(watched_services=100, watched_calls=100, findings=20, watch_state_bytes=1 << 20)
_LIMITS = Limits(exporters=8, domains=64, layouts=256, templates=256)
_folder = tempfile.TemporaryDirectory(prefix="nftui-fuzz-")


def request(data: bytes) -> int:
    """A line that somebody sends to a collector; 1 if it is a question."""
    line = data.partition(b"\n")[0]
    answer = answer_to(line, {"health": lambda: {"flows": 3}, "config": list}, {"allow": parse_network})
    json.dumps(answer)
    if len(answer) != 1:
        raise BrokenPromise(f"not one answer: {answer}")
    return int("error" not in answer)


def answer(data: bytes) -> int:
    """A line that a collector answers, as viewers and `nftui ctl` read it; 1 if it is believed."""
    believed = 0
    for question, kind in (("health", Health), ("exporters", ExporterStatus), ("refused", Refused)):
        try:
            found = read_answer(data, question)
        except BackendError as error:
            if not harmless(str(error)):
                raise BrokenPromise("control characters in a message") from error
            continue
        for item in found if isinstance(found, list) else [found]:
            with suppress(ValueError):
                made = restore(kind, item)
                if restore(kind, json.loads(json.dumps(asdict(made)))) != made:
                    raise BrokenPromise("what was read is not what was written")
                believed = 1
    return believed


def templates(data: bytes) -> int:
    """The file of saved templates; gives templates."""
    root = Path(_folder.name)
    (root / STATE).mkdir(exist_ok=True)
    (root / STATE / "templates.json").write_bytes(data)
    document = TemplateFile(root, DEFAULT.template_file_bytes).read()
    if document is None:
        raise BrokenPromise("a file that is there was not seen")
    counts = Decoder(_LIMITS).restore(document, _NOW_MS)
    return counts.get("templates.restored", 0)


def watch_state(data: bytes) -> int:
    """The file of what the watch keeps over a restart; gives what is believed of it."""
    root = Path(_folder.name)
    (root / STATE).mkdir(exist_ok=True)
    (root / STATE / NAME).write_bytes(data)
    document = StateFile(root, NAME, _WATCH_LIMITS.watch_state_bytes).read()
    if document is None:
        raise BrokenPromise("a file that is there was not seen")
    try:
        kept = decode(document, _NOW_MS, _WATCH_LIMITS)
    except ValueError as error:
        if not harmless(str(error)):
            raise BrokenPromise("control characters in a message") from error
        return 0
    if decode(json.loads(b"".join(json_pieces(encode(kept, _NOW_MS)))), _NOW_MS, _WATCH_LIMITS).size != kept.size:
        raise BrokenPromise("what was written is not what is read")
    ServiceFinder(Hashes(), 60, _WATCH_LIMITS.watched_services).restore(kept.services)
    beacons = BeaconFinder(Hashes(), 50)
    beacons.restore(kept.calls)
    beacons.find(moment([], _NOW_MS, 10))
    return kept.size


def journal(data: bytes) -> int:
    """The journal of a conversion; 1 if it is believed."""
    folder = Path(_folder.name)
    (folder / "journal.json").write_bytes(data)
    try:
        found = Journal.load(folder, "task")
    except StoreError:
        return 0
    for item, _ in found.done.values():
        found.has(item)
    found.save()
    return 1
