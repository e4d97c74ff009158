"""Templates of all exporters: parsed, kept per observation domain, bounded.

Formats: RFC 3954 sections 5.2 and 6.1 (NetFlow v9), RFC 7011 sections 3.4 and 8 (IPFIX). An id belongs to one
template at a time, data or options; a new definition replaces the old one at once, and an invalid one removes
it, because data by the old definition would be wrong.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nftui.engine.batch import Mask
from nftui.engine.decode.datagrams import Ints, distinct
from nftui.engine.decode.layout import VARIABLE
from nftui.engine.decode.layouts import IPFIX, LayoutTable, Shape
from nftui.engine.decode.sessions import Domains
from nftui.engine.decode.tally import Tally
from nftui.engine.limits import Limits

_REFRESH_BYTES = 4 << 20
"""Template sets remembered as they came, over all exporters."""
_SEEN_OVERHEAD = 256
_TEMPLATE_BYTES = 256
"""What a remembered set and each of its templates cost besides the set's own bytes."""

_PAIR = struct.Struct(">HH")
_TRIPLE = struct.Struct(">HHH")


def template_key(slot: int, template_id: int) -> int:
    """Key of a template: domain slot and id in one number."""
    return slot << 16 | template_id


@dataclass(slots=True)
class Template:
    """A template as an exporter announced it.

    Attributes:
        key: see `template_key`.
        session: session slot.
        layout: number in the `LayoutTable`.
        fields: number of fields.
        options: whether it describes options data.
        first_ms: first announcement.
        refreshed_ms: latest announcement.
        former: hash of the fields that the id had before.
        returns: times that the id got those fields back: two exporters seem to use it.
    """

    key: int
    session: int
    layout: int
    fields: int
    options: bool
    first_ms: int
    refreshed_ms: int
    former: int = 0
    returns: int = 0


class Definition(NamedTuple):
    """One template record of a set: its shape, or why it has none.

    `error` is empty, `withdrawn`, or a kind of rejection; a rejection with id 0 concerns no known template.
    """

    template_id: int
    shape: Shape | None
    error: str


def parse_set(raw: bytes, version: int, options: bool, limits: Limits) -> Iterator[Definition]:
    """Template records of a template set or options template set.

    Args:
        raw: the set without its header.
        version: 9 or 10.
        options: whether it is an options template set.
        limits: bounds of fields and sizes.
    """
    position = 0
    while len(raw) - position >= 4:
        template_id, count = _PAIR.unpack_from(raw, position)
        if template_id < 256:
            if template_id == count == 0:
                return  # padding
            if version == IPFIX and template_id == (3 if options else 2) and count == 0:
                yield Definition(template_id, None, "withdrawn")
                position += 4
                continue
            yield Definition(0, None, "id")
            return
        if count == 0 and (version == IPFIX or not options):
            yield Definition(template_id, None, "withdrawn" if version == IPFIX else "empty")
            position += 4
            continue
        scope, position = 0, position + 4
        if options:
            if len(raw) - position < 2:
                yield Definition(template_id, None, "truncated")
                return
            (scope,) = struct.unpack_from(">H", raw, position)
            position += 2
            if version != IPFIX:
                # RFC 3954: both numbers are lengths in bytes, the first one that of the scope fields.
                if count % 4 or scope % 4:
                    yield Definition(template_id, None, "scope")
                    return
                count, scope = (count + scope) // 4, count // 4
        definition, position = _parse_fields(raw, position, version, template_id, count, scope, options, limits)
        yield definition
        if definition.error == "truncated":
            return


def _parse_fields(
    raw: bytes, position: int, version: int, template_id: int, count: int, scope: int, options: bool, limits: Limits
) -> tuple[Definition, int]:
    start = position
    if 4 * count > len(raw) - position:
        return Definition(template_id, None, "truncated"), len(raw)
    if version != IPFIX:
        lengths = list(struct.unpack_from(f">{2 * count}H", raw, position)[1::2])
        position += 4 * count
    else:
        lengths = []
        for _ in range(count):
            if len(raw) - position < 4:
                return Definition(template_id, None, "truncated"), len(raw)
            element, length = _PAIR.unpack_from(raw, position)
            position += 8 if element & 0x8000 else 4
            lengths.append(length)
        if position > len(raw):
            return Definition(template_id, None, "truncated"), len(raw)
    if options and version == IPFIX and not 0 < scope <= count:
        return Definition(template_id, None, "scope"), position
    if count > limits.template_fields:
        return Definition(template_id, None, "fields"), position
    shape = Shape(raw[start:position], version, scope, lengths, options)
    if not shape.size:
        return Definition(template_id, None, "empty"), position
    if shape.size > limits.record_bytes or shape.size - shape.variable > VARIABLE:
        return Definition(template_id, None, "size"), position
    return Definition(template_id, shape, ""), position


class TemplateStore:
    """Templates of all domains.

    Attributes:
        layout_of: layout number by template key: what the decoder looks up for each data set.
    """

    def __init__(self, limits: Limits, layouts: LayoutTable, domains: Domains) -> None:
        self._limits = limits
        self._layouts = layouts
        self._domains = domains
        self._templates: dict[int, Template] = {}
        self._of_session: dict[int, OrderedDict[int, Template]] = {}
        self._seen: dict[tuple[int, bool, bytes], tuple[int, tuple[Template, ...]]] = {}
        self._seen_bytes = 0
        self.layout_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._templates)

    def of_session(self, session: int) -> list[Template]:
        """Templates of a session, the longest not refreshed first."""
        return list(self._of_session.get(session, {}).values())

    def get(self, key: int) -> Template | None:
        """The template with a key, None if there is none."""
        return self._templates.get(key)

    def of_domain(self, slot: int) -> list[Template]:
        """Templates of a domain, the longest not refreshed first."""
        mine = self._of_session.get(int(self._domains.session[slot]))
        return [] if mine is None else [item for key, item in mine.items() if key >> 16 == slot]

    def copy(self, source: int, target: int, now_ms: int) -> list[int]:
        """Give a domain the templates of another one; returns the keys of those it had not."""
        fresh: list[int] = []
        for template in self.of_domain(source):
            shape = self._layouts.shape(template.layout)
            self._define(target, template.key & 0xFFFF, shape, now_ms, 0, Tally([""]), fresh)
        return fresh

    def shape(self, template: Template) -> Shape | None:
        """Fields of a template, None when it is gone."""
        return self._layouts.find_shape(template.layout)

    def layouts(self, keys: Ints) -> Ints:
        """Layout number of each template key, -1 where there is no template."""
        different, inverse = distinct(keys)
        get = self.layout_of.get
        return np.array([get(key, -1) for key in different.tolist()], np.int64)[inverse]

    def repeated(self, slot: int, options: bool, raw: bytes) -> bool:
        """Whether the domain sent exactly this template set before and nothing replaced its templates since."""
        seen = self._seen.get((slot, options, raw))
        return seen is not None and seen[0] == int(self._domains.generation[slot])

    def learn(
        self, slot: int, options: bool, raw: bytes, now_ms: int, rank: int, tally: Tally
    ) -> tuple[list[int], int]:
        """Take over a template set.

        Args:
            slot: domain slot.
            options: whether it is an options template set.
            raw: the set without its header.
            now_ms: reception.
            rank: exporter in the tally.
            tally: gets `templates.*`.

        Returns:
            Keys of the templates that are new or changed: waiting data may be decoded now. And the number of
            template records in the set, whatever they are worth.
        """
        generation = int(self._domains.generation[slot])
        seen = self._seen.get((slot, options, raw))
        if seen is not None and seen[0] == generation:
            for template in seen[1]:
                template.refreshed_ms = now_ms
                self._of_session[template.session].move_to_end(template.key)
            tally.one("templates.received", rank, len(seen[1]))
            return [], len(seen[1])
        fresh: list[int] = []
        learnt: list[Template] = []
        clean = True
        count = 0
        version = int(self._domains.version[slot])
        for definition in parse_set(raw, version, options, self._limits):
            count += 1
            if definition.shape is not None:
                defined = self._define(slot, definition.template_id, definition.shape, now_ms, rank, tally, fresh)
                if defined is not None:
                    learnt.append(defined)
                    continue
            elif definition.error == "withdrawn":
                self._withdraw(slot, definition.template_id, options, rank, tally)
            else:
                tally.one(f"templates.rejected.{definition.error}", rank)
                self._remove(template_key(slot, definition.template_id))
            clean = False
        if clean and learnt:
            self._remember(slot, options, raw, tuple(learnt))
        return fresh, count

    def _remember(self, slot: int, options: bool, raw: bytes, learnt: tuple[Template, ...]) -> None:
        if self._seen_bytes > _REFRESH_BYTES:
            self._seen.clear()
            self._seen_bytes = 0
        self._seen_bytes += len(raw) + _SEEN_OVERHEAD + len(learnt) * _TEMPLATE_BYTES
        self._seen[slot, options, raw] = (int(self._domains.generation[slot]), learnt)

    def _define(
        self, slot: int, template_id: int, shape: Shape, now_ms: int, rank: int, tally: Tally, fresh: list[int]
    ) -> Template | None:
        key = template_key(slot, template_id)
        number = self._layouts.acquire(shape)
        if number < 0:
            tally.one("templates.rejected.layouts", rank)
            self._remove(key)
            return None
        tally.one("templates.received", rank)
        old = self._templates.get(key)
        if old is not None and old.layout == number:
            self._layouts.release(number)
            old.refreshed_ms = now_ms
            self._of_session[old.session].move_to_end(key)
            return old
        former = returns = 0
        if old is not None:
            tally.one("templates.changed", rank)
            former, again = hash(self._layouts.shape(old.layout).key), old.former == hash(shape.key)
            returns = old.returns + again
            tally.one("templates.contested", rank, int(again))
            self._remove(key)
        session = int(self._domains.session[slot])
        self._make_room(session, rank, tally)
        template = Template(key, session, number, shape.fields, shape.options, now_ms, now_ms, former, returns)
        self._templates[key] = template
        self._of_session.setdefault(session, OrderedDict())[key] = template
        self.layout_of[key] = number
        fresh.append(key)
        return template

    def _make_room(self, session: int, rank: int, tally: Tally) -> None:
        mine = self._of_session.get(session)
        if mine is not None and len(mine) >= self._limits.templates_per_exporter:
            self._remove(next(iter(mine)))
            tally.one("templates.evicted", rank)
        if len(self._templates) >= self._limits.templates:
            # The session that holds most loses its oldest: an exporter with few templates is never hit.
            largest = max(self._of_session.values(), key=len)
            count = max(1, len(largest) // 2)
            for key in list(largest)[:count]:
                self._remove(key)
            tally.one("templates.evicted", rank, count)

    def _withdraw(self, slot: int, template_id: int, options: bool, rank: int, tally: Tally) -> None:
        """RFC 7011 section 8.1; the set's own id stands for all templates of its kind."""
        if template_id >= 256:
            keys = [template_key(slot, template_id)]
        else:
            keys = [template.key for template in self.of_domain(slot) if template.options == options]
        for key in keys:
            if self._remove(key):
                tally.one("templates.withdrawn", rank)

    def _remove(self, key: int) -> bool:
        template = self._templates.pop(key, None)
        if template is None:
            return False
        del self.layout_of[key]
        mine = self._of_session[template.session]
        del mine[key]
        if not mine:
            del self._of_session[template.session]
        self._layouts.release(template.layout)
        self._domains.generation[key >> 16] += 1
        return True

    def drop_domain(self, slot: int) -> int:
        """Remove the templates of a domain that is forgotten; returns how many."""
        keys = [template.key for template in self.of_domain(slot)]
        for key in keys:
            self._remove(key)
        return len(keys)

    def expire(self, now_ms: int, stream: Mask | None = None) -> list[Template]:
        """Remove templates neither refreshed nor, as far as their domain goes, used for the limit's time.

        RFC 7011 section 8.4 lets a collector forget templates that are not refreshed; exporters that repeat them
        rarely but send data all the time keep theirs.

        Args:
            now_ms: UTC milliseconds.
            stream: True for session slots that are connections: theirs last as long (RFC 7011 section 10.4.2).
        """
        oldest = now_ms - 1000 * self._limits.template_idle_seconds
        idle = [
            template
            for template in self._templates.values()
            if template.refreshed_ms < oldest
            and self._domains.last_ms[template.key >> 16] < oldest
            and (stream is None or not stream[template.session])
        ]
        for template in idle:
            self._remove(template.key)
        return idle
