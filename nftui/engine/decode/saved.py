"""Templates as a document that outlives the process, so that data decode at once after a restart of the collector.

The document is plain JSON data. What is read back is as suspicious as a datagram: each template is stored in the form
of the wire and learnt anew through the same parser and the same limits.

    {"format": 1, "exporters": [{"address": "192.0.2.1", "port": 2055, "established": true, "domains": [
        {"version": 9, "domain": 1, "templates": [{"options": false, "time_ms": 1700000000000, "record": "0100..."}]}
    ]}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nftui import text
from nftui.engine.counters import Counts
from nftui.engine.decode.layouts import LayoutTable
from nftui.engine.decode.sessions import UNKNOWN_SESSION, Domains, Sessions
from nftui.engine.decode.tally import Tally
from nftui.engine.decode.templates import TemplateStore
from nftui.engine.limits import Limits

FORMAT = 1
Document = dict[str, Any]
_VERSIONS = (9, 10)
_FUTURE_MS = 60_000


class SavedTemplates:
    """Writes and reads the document.

    Args:
        limits: bounds of what is written and of what is taken over.
        sessions, domains, templates, layouts: state of the decoder.
    """

    def __init__(
        self, limits: Limits, sessions: Sessions, domains: Domains, templates: TemplateStore, layouts: LayoutTable
    ) -> None:
        self._limits = limits
        self._sessions = sessions
        self._domains = domains
        self._templates = templates
        self._layouts = layouts

    def document(self) -> Document:
        """Templates of the exporters that delivered flows, the established and lately heard ones first.

        Up to `limits.template_file_bytes`. Invented senders of templates do not come in, nor do connections, which
        end with us.
        """
        known, stream = self._sessions.blocks > 0, self._sessions.stream
        sessions = [(slot, session) for slot, session in self._sessions.items() if known[slot] and not stream[slot]]
        slots = [slot for slot, _ in sessions]
        ranks = {slot: (self._sessions.blocks[slot] > 1, int(self._sessions.last_ms[slot])) for slot in slots}
        left = self._limits.template_file_bytes // 2  # the rest is for punctuation and names
        exporters = []
        for slot, session in sorted(sessions, key=lambda item: ranks[item[0]], reverse=True):
            domains: dict[int, list[dict[str, object]]] = {}
            for template in self._templates.of_session(slot):
                domain = template.key >> 16
                record = self._layouts.shape(template.layout).wire(template.key & 0xFFFF).hex()
                left -= len(record) + 100
                # Data prove that a template is in use although the exporter does not repeat it.
                used_ms = max(template.refreshed_ms, int(self._domains.last_ms[domain]))
                domains.setdefault(domain, []).append(
                    {"options": template.options, "time_ms": used_ms, "record": record}
                )
            if left < 0:
                break
            if domains:
                exporters.append(
                    {
                        "address": session.label,
                        "port": session.port,
                        "established": bool(ranks[slot][0]),
                        "domains": [
                            {
                                "version": int(self._domains.version[domain]),
                                "domain": int(self._domains.domain[domain]),
                                "templates": records,
                            }
                            for domain, records in domains.items()
                        ],
                    }
                )
        return {"format": FORMAT, "exporters": exporters}

    def restore(self, document: object, now_ms: int) -> Counts:
        """Take over what is valid and not too old; nothing that the decoder knows already.

        Args:
            document: as read from the file; anything at all.
            now_ms: UTC milliseconds.

        Returns:
            `templates.restored` and `templates.restore_failed`: entries taken over, and those that are no templates
            or beyond a limit. Templates that are too old are neither.
        """
        counts: Counts = {}
        if not isinstance(document, dict) or _number(document, "format", FORMAT) != FORMAT:
            return {"templates.restore_failed": 1}
        # Last in the document are the least important: they are met first, and give way to the others.
        for entry in reversed(_list(document.get("exporters"))[: self._limits.exporters]):
            for name, amount in self._exporter(entry, now_ms).items():
                counts[name] = counts.get(name, 0) + amount
        return counts

    def _exporter(self, entry: object, now_ms: int) -> Counts:
        address, port = _address(entry), _number(entry, "port", 0xFFFF)
        session = UNKNOWN_SESSION if address is None or port is None else self._sessions.find(address, port)
        if session == UNKNOWN_SESSION:
            return {"templates.restore_failed": 1}
        slot = int(self._sessions.slots(np.array([session], np.int64))[0])
        restored = failed = 0
        for domain, options, record, time_ms in _records(entry):
            if record is None or time_ms is None or time_ms > now_ms + _FUTURE_MS or domain is None:
                failed += 1
                continue
            if time_ms < now_ms - 1000 * self._limits.template_idle_seconds:
                continue
            if len(self._domains) >= self._limits.domains:
                failed += 1
                continue
            place = int(self._domains.find(np.array([slot]), domain[0], np.array([domain[1]]))[0])
            fresh, _ = self._templates.learn(place, options, record, time_ms, 0, Tally([""]))
            restored += len(fresh)
            failed += not fresh
            self._domains.last_ms[place] = max(int(self._domains.last_ms[place]), time_ms)
            self._sessions.last_ms[slot] = max(int(self._sessions.last_ms[slot]), time_ms)
        established = isinstance(entry, dict) and entry.get("established") is True
        self._sessions.blocks[slot] = max(2 if established else 1, int(self._sessions.blocks[slot]))
        counts = {"templates.restored": restored, "templates.restore_failed": failed}
        return {name: amount for name, amount in counts.items() if amount}


def _records(entry: object) -> Iterator[tuple[tuple[int, int] | None, bool, bytes | None, int | None]]:
    """Version and domain, kind, template record and time of each template; None for what is not valid."""
    for part in _list(entry.get("domains") if isinstance(entry, dict) else None):
        version, number = _number(part, "version", 0xFFFF), _number(part, "domain", 0xFFFFFFFF)
        domain = None if number is None or version not in _VERSIONS else (version, number)
        for item in _list(part.get("templates") if isinstance(part, dict) else None):
            found = item if isinstance(item, dict) else {}
            yield domain, found.get("options") is True, _bytes(found.get("record")), _number(item, "time_ms", 1 << 53)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _bytes(value: object) -> bytes | None:
    try:
        return bytes.fromhex(value) if isinstance(value, str) and len(value) <= 2 * 0xFFFF else None
    except ValueError:
        return None


def _number(entry: object, name: str, largest: int) -> int | None:
    value = entry.get(name) if isinstance(entry, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest else None


def _address(entry: object) -> int | None:
    value = entry.get("address") if isinstance(entry, dict) else None
    try:
        return text.parse_address(value) if isinstance(value, str) else None
    except ValueError:
        return None
