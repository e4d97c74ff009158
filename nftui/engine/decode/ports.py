"""Exporters whose UDP source port changes: whose templates their data go by.

A session is an address and a port (RFC 7011 section 8.4), because several exporters may share an address: behind
NAT, or as processes of one host. Two kinds of exporters do not keep their port, and would never have a template:

* After a restart, or a new mapping of a NAT, a port sends data and no templates, while another port of the address
  has templates for the same domain and fell silent. Its templates are copied: `templates.adopted`.
* With a new port for every few datagrams, several ports of one address continue one series of sequence numbers. They
  become one session, as further ports of the address do: `sessions.ports_joined`.

Both need `_MISSES` datagrams of data without a template, all of them from ports that never sent templates, and owners
of templates that agree; so processes that send templates are never mixed. When an adopted template turns out to be
wrong, or joined ports redefine each other's templates, the address is left alone from then on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from nftui.engine.decode.sessions import Domains, Sessions
from nftui.engine.decode.tally import Tally
from nftui.engine.decode.templates import Template, TemplateStore

_MISSES = 3
_SILENT_MS = 10_000
_SILENT_INTERVALS = 4
"""The owner of templates is silent after this time, and after so many of its usual intervals."""
_FEW_PORTS = 64
"""An address with more ports is looked at only now and then."""
_SERIES = 8
"""Datagrams that show a series of numbers over several ports."""
_SERIES_PORTS = 3
_SERIES_STEP = 1 << 16
_MODULUS = 1 << 32


@dataclass(slots=True)
class _Missed:
    """Data without templates of one address, version and domain id."""

    total: int = 0
    numbers: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_SERIES))
    by_slot: dict[int, tuple[int, int]] = field(default_factory=dict)

    def is_series(self) -> bool:
        """Whether the latest datagrams came from several ports, with growing numbers."""
        ports = {slot for slot, _ in self.numbers}
        steps = [
            (after - before) % _MODULUS
            for (_, before), (_, after) in zip(self.numbers, list(self.numbers)[1:], strict=False)
        ]
        return (
            len(self.numbers) == _SERIES
            and len(ports) >= _SERIES_PORTS
            and all(0 < step < _SERIES_STEP for step in steps)
        )


class PortChanges:
    """Finds templates for sessions that have none. Bounded by the sessions and domains there are.

    Args:
        sessions, domains, templates: state of the decoder.
    """

    def __init__(self, sessions: Sessions, domains: Domains, templates: TemplateStore) -> None:
        self._sessions = sessions
        self._domains = domains
        self._templates = templates
        self._missed: dict[tuple[int, int, int], _Missed] = {}
        self._adopted: dict[int, set[int]] = {}
        self._left_alone: set[int] = set()

    def missed(self, slot: int, number: int, now_ms: int, rank: int, tally: Tally) -> list[tuple[int, int]]:
        """Note a datagram with data of an unknown template.

        Args:
            slot: its domain slot.
            number: its sequence number.
            now_ms: reception.
            rank: exporter in the tally.
            tally: gets `templates.adopted` and `sessions.ports_joined`.

        Returns:
            Domain slots whose waiting data may be decoded now, each with the slot that has the templates.
        """
        session = int(self._domains.session[slot])
        address = self._sessions.session(session).address
        siblings = self._sessions.of_address(address)
        if len(siblings) < 2 or address in self._left_alone or self._templates.of_domain(slot):
            return []
        version, domain = int(self._domains.version[slot]), int(self._domains.domain[slot])
        missed = self._missed.setdefault((address, version, domain), _Missed())
        missed.numbers.append((slot, number))
        count, since_ms = missed.by_slot.get(slot, (0, now_ms))
        missed.by_slot[slot] = (count + 1, since_ms)
        missed.total += 1
        if len(siblings) > _FEW_PORTS and missed.total % _FEW_PORTS:
            return []  # looking at all of them each time would be too much work
        others = [self._domains.lookup(other, version, domain) for other in siblings]
        owners = [other for other in others if other >= 0 and self._templates.of_domain(other)]
        if not owners or not self._agree(owners):
            return []
        owner = max(owners, key=lambda other: int(self._domains.last_ms[other]))
        if missed.is_series():
            return self._join(address, owner, missed, rank, tally)
        if count + 1 >= _MISSES and self._is_silent(owner, since_ms, now_ms):
            copied = self._templates.copy(owner, slot, now_ms)
            self._adopted[slot] = {key & 0xFFFF for key in copied}
            tally.one("templates.adopted", rank, len(copied))
            return [(slot, slot)]
        return []

    def _agree(self, owners: list[int]) -> bool:
        known: dict[int, int] = {}
        return all(
            known.setdefault(template.key & 0xFFFF, template.layout) == template.layout
            for owner in owners
            for template in self._templates.of_domain(owner)
        )

    def _is_silent(self, owner: int, since_ms: int, now_ms: int) -> bool:
        last_ms = int(self._domains.last_ms[owner])
        first_ms = min(template.first_ms for template in self._templates.of_domain(owner))
        interval = (last_ms - first_ms) // max(1, int(self._domains.flows[owner]))
        return last_ms <= since_ms and now_ms - last_ms >= max(_SILENT_MS, _SILENT_INTERVALS * interval)

    def _join(self, address: int, owner: int, missed: _Missed, rank: int, tally: Tally) -> list[tuple[int, int]]:
        keeper = int(self._domains.session[owner])
        joined = [slot for slot in missed.by_slot if not self._templates.of_domain(slot)]
        self._sessions.join(address, keeper, [int(self._domains.session[slot]) for slot in joined])
        self._domains.expected[owner] = -1  # what came by other ports meanwhile is not lost
        missed.numbers.clear()
        missed.by_slot.clear()
        tally.one("sessions.ports_joined", rank, len(joined))
        return [(slot, owner) for slot in joined]

    def session_of(self, slot: int) -> int:
        """Session slot of a domain."""
        return int(self._domains.session[slot])

    def announced(self, slot: int, fresh: list[int]) -> None:
        """Look at templates that are new or changed: they may show that an address holds several exporters."""
        if not self._adopted and not self._sessions.any_joined:
            return
        session = int(self._domains.session[slot])
        address = self._sessions.session(session).address
        adopted = self._adopted.get(slot, set())
        templates = [self._templates.get(key) for key in fresh]
        if any(key & 0xFFFF in adopted for key in fresh) or (
            self._sessions.is_joined(address) and any(_is_contested(template) for template in templates)
        ):
            self._left_alone.add(address)
            self._sessions.separate(address)
        adopted.difference_update(key & 0xFFFF for key in fresh)

    def drop_domain(self, slot: int) -> None:
        """Forget a domain."""
        self._adopted.pop(slot, None)
        address = self._sessions.session(int(self._domains.session[slot])).address
        key = (address, int(self._domains.version[slot]), int(self._domains.domain[slot]))
        missed = self._missed.get(key)
        if missed is not None:
            missed.by_slot.pop(slot, None)
            if not missed.by_slot:
                del self._missed[key]
        if len(self._sessions.of_address(address)) < 2:
            self._left_alone.discard(address)


def _is_contested(template: Template | None) -> bool:
    return template is not None and template.returns > 0
