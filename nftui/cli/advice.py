"""`nftui ctl advice`: what is wrong with exporters, and what to do about it."""

from __future__ import annotations

import time
from pathlib import Path

from nftui.engine.advice import Advice, Case, advise, advise_refused
from nftui.engine.answers import restore
from nftui.engine.control import ask
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram
from nftui.engine.ingest.allow import Refused
from nftui.engine.losses import Losses
from nftui.errors import BackendError
from nftui.text import clean


def advice_of(path: Path, address: str = "") -> list[tuple[str, list[Advice]]]:
    """Advice by exporter and refused sender, of a collector that answers at a socket.

    Args:
        path: control socket.
        address: of one exporter, empty for all.

    Raises:
        BackendError: nobody answers there, or it is of another version.
    """
    try:
        exporters = [restore(ExporterStatus, item) for item in ask(path, "exporters")]
        refused = [restore(Refused, item) for item in ask(path, "refused")]
        settings = dict(ask(path, "settings"))
        found = []
        for exporter in exporters:
            if address in {"", exporter.address}:
                losses = restore(Losses, ask(path, "losses", of=exporter.address))
                rejected = [restore(RejectedDatagram, item) for item in ask(path, "rejected", of=exporter.address)]
                case = Case(exporter, losses, rejected, int(time.time() * 1000), settings)
                found.append((f"{exporter.address}:{exporter.port}", advise(case)))
    except (ValueError, TypeError, LookupError) as error:
        raise BackendError(f"the collector at {path} is of another version: {error}") from error
    return found + [(sender.address, [advise_refused(sender)]) for sender in refused if address in {"", sender.address}]


def advice_text(found: list[tuple[str, list[Advice]]]) -> str:
    """The same for people."""
    lines = []
    for name, items in found:
        lines.append(clean(f"{name}: {'nothing to say' if not items else ''}".rstrip()))
        for item in items:
            lines.append(clean(f"  {item.level}: {item.text}", 1000))
            if item.remedy:
                lines.append(clean(f"        {item.remedy}", 1000))
    return "\n".join(lines or ["nobody has sent anything yet"]) + "\n"
