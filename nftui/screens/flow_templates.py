"""Which templates a record can have come by: those whose elements fill exactly its fields."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from nftui.engine.schema import FIELDS, Kind

if TYPE_CHECKING:
    from nftui.engine.batch import FlowBatch
    from nftui.engine.decode.status import TemplateStatus

_DERIVED = frozenset(
    {"flow_source", "sampler_address", "time_received_ms", "time_flow_start_ms", "time_flow_end_ms", "quality",
     "flows", "sampling_rate", "observation_domain_id", "egress_vrf_name", "out_if_name", "in_if_name",
     "ingress_vrf_name", "application_name", "initiator", "ip_version"}
)  # fmt: skip
"""Fields that may come from elsewhere than the record: headers, options data, the collector."""


class Record(Protocol):
    """A row of a batch."""

    @property
    def batch(self) -> FlowBatch:
        """The batch."""
        ...

    @property
    def row(self) -> int:
        """Its row there."""
        ...


@lru_cache(maxsize=1)
def _fields_of_elements() -> dict[tuple[int, int], str]:
    table: dict[tuple[int, int], str] = {}
    for field in FIELDS.values():
        for element in field.elements:
            table.setdefault((0, element) if isinstance(element, int) else element, field.name)
    return table


def fits(record: Record, template: TemplateStatus) -> bool:
    """Whether the record's fields are those that the template's elements fill."""
    table = _fields_of_elements()
    announced = {table[number] for number in template.numbers if number in table} - _DERIVED
    present = {
        name
        for name, field in FIELDS.items()
        if name not in _DERIVED and field.elements and field.kind is not Kind.EXTRA
        and record.batch.value(name, record.row) is not None
    }  # fmt: skip
    return announced == present
