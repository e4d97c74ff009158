"""What the dialog of columns offers: the columns of a view, and for the flow list every field of the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nftui.widgets.column_dialog import ColumnOffer
from nftui.widgets.table_layout import Column

_FIELD_WIDTH = 8

_DOCS: dict[str, str] = {
    "rate": "Traffic per second over the window, or over the time that is looked at.",
    "tx": "The part that the row's end sent: per second.", "rx": "The part that the row's end received: per second.",
    "tx_bytes": "What the row's end sent, or who opened the conversation.",
    "rx_bytes": "What the row's end received, or who opened the conversation.",
    "tx_packets": "Packets of who opened the conversation.", "rx_packets": "Packets that came back.",
    "opened": "How it is known who opened the conversation.", "packet_rate": "Packets per second.",
    "flow_rate": "Flow records per second.", "share": "Part of all octets that the filter lets through.",
    "seen": "When the last flow arrived.", "trend": "The last half minute in ten steps.",
    "share_bar": "The sorted column as a bar.", "duration": "From the first to the last packet.",
    "bytes": "Octets of both directions, times the sampling rate.", "flows": "Flows of the row.",
    "packets": "Packets of both directions, times the sampling rate.",
    "host": "Address of either end.", "addr": "Address of either end.", "port": "Port of either end.",
}  # fmt: skip


def column_offers(view: str, columns: Sequence[Column], shown: Mapping[str, int]) -> list[ColumnOffer]:
    """All columns that a view may have, those that are shown first.

    Args:
        view: name of the view.
        columns: the columns of its snapshot.
        shown: columns of the table now, in their order, with their widths.
    """
    from nftui.engine.live.field_columns import listable
    from nftui.engine.schema import FIELDS

    offers = {}
    for column in columns:
        field = FIELDS.get(column.name)
        doc = field.doc if field is not None and view == "flows" else ""
        doc = doc or _DOCS.get(column.name) or (field.doc if field is not None else "")
        title = column.title or "Bar"
        if field is not None and column.title in {"Port", "In", "Out"}:
            title = field.title
        offers[column.name] = ColumnOffer(
            column.name, title, shown.get(column.name, column.width), doc, column.name in shown
        )
    if view == "flows":
        for field in FIELDS.values():
            if listable(field.name) and field.name not in offers:
                width = max(_FIELD_WIDTH, len(field.title))
                offers[field.name] = ColumnOffer(field.name, field.title, width, field.doc, False)
    ordered = [offers[name] for name in shown if name in offers]
    return [*ordered, *(offer for offer in offers.values() if not offer.shown)]
