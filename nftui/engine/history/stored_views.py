"""How the views of a screen group stored flows: one row per view here, and both rankings follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.live.identified import identified_view
from nftui.engine.live.identity import Identity
from nftui.engine.live.keys import TalkerView
from nftui.engine.live.statistic_views import statistic_of
from nftui.engine.query.keys import key_table
from nftui.engine.query.rollup import ANSWERS
from nftui.engine.schema import FIELDS
from nftui.engine.store.arrow import from_arrow

Key = tuple[int | str | None, ...]
"""Values of the key's fields, addresses as 128-bit integers, None where the flows lack the field."""


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view whose rows are groups of flows.

    Attributes:
        talker: the same view of the live window: columns, words of a key, how they are written.
        identity: gives rows the keys that they have in the live window.
        ends: registry fields of the key in the order of its columns, for each end that a flow counts for. The first
            end sends the flow's forward octets in views with two ends.
        required: so many of the first fields must be there for a flow to have a row.
        sections: what roll-ups call these groups; empty if they have no such sums.
    """

    talker: TalkerView
    identity: Identity
    ends: tuple[tuple[str, ...], ...]
    required: int = 0
    sections: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields that the values of a key are told in: those of the first end."""
        return self.ends[0]

    @property
    def read(self) -> set[str]:
        """All fields that keys are made of."""
        return {name for end in self.ends for name in end}

    def words(self, keys: list[Key]) -> list[NDArray[np.uint64]]:
        """Key columns as the live window has them, one row per key."""
        table = key_table(self.fields, keys)
        columns = [column for name in self.fields for column in FIELDS[name].physical]
        batch = from_arrow(table.drop_columns(["code"]).rename_columns(columns)) if keys else FlowBatch(0)
        return self.talker.ends(batch)[0][0]


_STORED: dict[str, tuple[tuple[tuple[str, ...], ...], int, tuple[str, ...]]] = {
    "host": ((("src_addr",), ("dst_addr",)), 1, ("src_addr", "dst_addr")),
    "pair": ((("src_addr", "dst_addr"),), 0, ()),
    "flow": ((("proto", "src_addr", "src_port", "dst_addr", "dst_port"),), 0, ()),
    "port": ((("src_port", "proto"), ("dst_port", "proto")), 1, ()),
    "proto": ((("proto",),), 0, ("proto",)),
    "as": ((("src_as",), ("dst_as",)), 1, ("src_as", "dst_as")),
    "interface": ((("sampler_address", "out_if"), ("sampler_address", "in_if")), 2, ()),
    "exporter": ((("sampler_address",),), 0, ("sampler_address",)),
}


def stored_view(name: str) -> StoredView:
    """The view of a name. Raises KeyError."""
    found = statistic_of(name)
    if found is None:
        ends, required, sections = _STORED[name]
        return StoredView(*identified_view(name), ends, required, sections)
    statistic, split = found
    more = ("proto",) if split else ()
    sections = () if split or statistic.fields not in ANSWERS else statistic.fields
    return StoredView(*identified_view(name), tuple((field, *more) for field in statistic.fields), 0, sections)
