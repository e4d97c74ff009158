"""The exporters screen: who sends, with which templates and sampling, what was lost, and who was refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from nftui.engine.counters import total
from nftui.errors import NftuiError
from nftui.screens.action_table import bindings
from nftui.screens.curtain import Curtain
from nftui.screens.feed import Feed
from nftui.screens.source import Source
from nftui.text import clean, compact, scaled
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.table_layout import Column, TableData

if TYPE_CHECKING:
    from nftui.engine.decode.status import ExporterStatus, InterfaceStatus
    from nftui.engine.ingest.allow import Refused

_VERSIONS = {10: "IPFIX", 20: "sFlow"}
_REFRESH_SECONDS = 1.0
_NAMES = 24
"""Names of interfaces and VRFs shown of a domain."""


def _plain(value: object, width: int) -> str:  # noqa: ARG001  the table cuts
    return str(value)


def _count(value: int, width: int) -> str:  # noqa: ARG001
    return compact(value)


COLUMNS: tuple[Column, ...] = (
    Column("address", "Exporter", 15, _plain, grow=24, role="key", sortable=False),
    Column("state", "State", 8, _plain, sortable=False),
    Column("versions", "Version", 8, _plain, role="dim", rank=1, sortable=False),
    Column("templates", "Tmpl", 5, _count, "right", rank=4, sortable=False),
    Column("waiting", "Wait", 5, _count, "right", rank=6, sortable=False),
    Column("sampling", "Sampling", 9, _plain, "right", grow=12, rank=5, sortable=False),
    Column("datagrams", "Datagrams", 9, _count, "right", rank=3, sortable=False),
    Column("flows", "Flows", 6, _count, "right", sortable=False),
    Column("lost", "Lost", 6, _count, "right", sortable=False),
    Column("rejected", "Rejected", 8, _count, "right", rank=7, sortable=False),
    Column("skew", "Clock", 8, _plain, "right", rank=8, sortable=False),
    Column("seen", "Seen", 8, _plain, "right", rank=2, sortable=False),
)


class ExportersScreen(Screen[None]):
    """One line per exporter and per refused sender, and below what is known of the one under the cursor."""

    DEFAULT_CSS = """
    ExportersScreen { background: $background; }
    ExportersScreen FlowTable { height: 1fr; }
    ExportersScreen VerticalScroll { height: 40%; background: $surface; padding: 0 1; scrollbar-size-vertical: 1; }
    ExportersScreen Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings("exporters")
    SCOPE = "exporters"
    AUTO_FOCUS = "FlowTable"

    def __init__(self, source: Source, feed: Feed, curtain: Curtain | None = None) -> None:
        super().__init__()
        self._curtain = curtain or Curtain()
        self._source = source
        self._feed = feed
        self._exporters: Sequence[ExporterStatus] = ()
        self._refused: Sequence[Refused] = ()

    def compose(self) -> ComposeResult:
        """Title, table, details, keys."""
        yield Ribbon(id="title")
        yield FlowTable(COLUMNS)
        with VerticalScroll(can_focus=False):
            yield Static(markup=False)
        yield Ribbon(id="keys")

    def on_mount(self) -> None:
        """Ask now and then every second."""
        keys = (("Esc", "back"), ("a", "allow a refused sender"))
        items = [part for key, word in keys for part in (Item(key, "accent"), Item(f" {word}", "dim", tight=True))]
        self.query_one("#keys", Ribbon).show(items)
        self.run_worker(self._refresh())
        self.set_interval(_REFRESH_SECONDS, lambda: self.run_worker(self._refresh(), exclusive=True))

    async def _refresh(self) -> None:
        found = await self._feed.run(
            lambda: (self._source.health().now_ms, self._source.exporters(), self._source.refused())
        )
        if not isinstance(found, tuple) or not self.is_attached:
            return
        now_ms, self._exporters, self._refused = found
        self._show(now_ms)

    def _show(self, now_ms: int) -> None:
        rows = [_row(exporter, now_ms) for exporter in self._exporters]
        rows += [_refused_row(sender, now_ms) for sender in self._refused]
        keys = [hash(("refused", row["address"]) if row["state"] == "refused" else row["key"]) for row in rows]
        values = {column.name: [row[column.name] for row in rows] for column in COLUMNS}
        values["address"] = [self._curtain.text(str(address)) for address in values["address"]]
        self.query_one(FlowTable).set_data(TableData(keys, values))
        title = [Item("Exporters", "strong"), Item(f"{len(self._exporters)} sending", "plain")]
        if self._refused:
            title.append(Item(f"{len(self._refused)} refused", "warn"))
        self.query_one("#title", Ribbon).show(title, [Item("Esc back", "dim", 1)])
        self._explain()

    @on(FlowTable.Moved)
    def _explain(self) -> None:
        row = self.query_one(FlowTable).cursor_row
        text = Text("Nobody has sent anything yet.")
        if row < len(self._exporters):
            text = _details(self._exporters[row])
        elif row - len(self._exporters) < len(self._refused):
            sender = self._refused[row - len(self._exporters)]
            text = Text(
                f"{sender.address} is not allowed to send here. Its {sender.datagrams} datagrams were counted and "
                f"not looked at.\nPress a to accept it from now on, or start with --allow {sender.address}."
            )
        self.query_one(Static).update(Text(self._curtain.text(text.plain)))

    def action_allow(self) -> None:
        """Accept the refused sender under the cursor."""
        row = self.query_one(FlowTable).cursor_row - len(self._exporters)
        if 0 <= row < len(self._refused):
            self.run_worker(self._allow(self._refused[row].address))

    async def _allow(self, address: str) -> None:
        collector = self._source.collector
        if collector is None:
            self.notify("Nobody sends to a recording.", markup=False)
            return
        try:
            await self._feed.run(lambda: collector.allow(address))
        except NftuiError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            self.notify(f"{address} may send from now on.", markup=False)
        await self._refresh()


def _row(exporter: ExporterStatus, now_ms: int) -> dict[str, object]:
    counts = exporter.counts
    lost = counts.get("sequence.lost", 0)
    rates = sorted({rate.rate for rate in exporter.sampling})
    return {
        "key": (exporter.address, exporter.port),
        "address": exporter.address,
        "state": "waiting" if exporter.waiting_sets else "silent" if now_ms - exporter.last_seen_ms > 60_000 else "ok",
        "versions": " ".join(_VERSIONS.get(v, f"v{v}") for v in exporter.versions),
        "templates": len(exporter.templates),
        "waiting": exporter.waiting_sets,
        "sampling": " ".join(f"1:{rate}" for rate in rates) or "-",
        "datagrams": counts.get("datagrams.received", 0),
        "flows": counts.get("flows.in", 0),
        "lost": lost,
        "rejected": total(counts, "datagrams.rejected") + total(counts, "records.skipped"),
        "skew": f"{exporter.clock_skew_ms / 1000:+.1f}s",
        "seen": _ago(now_ms - exporter.last_seen_ms),
    }


def _refused_row(sender: Refused, now_ms: int) -> dict[str, object]:
    row: dict[str, object] = {column.name: 0 for column in COLUMNS}
    return row | {
        "address": sender.address, "state": "refused", "versions": "-", "sampling": "-", "skew": "-",
        "datagrams": sender.datagrams, "seen": _ago(now_ms - sender.last_seen_ms),
    }  # fmt: skip


def _details(exporter: ExporterStatus) -> Text:
    domains = ", ".join(f"{domain} ({_VERSIONS.get(version, f'v{version}')})" for version, domain in exporter.domains)
    lines = [f"{exporter.address} port {exporter.port}, observation domains {domains}"]
    lines += [
        f"sampling 1:{rate.rate} from {rate.source}, domain {rate.domain}"
        + (f", sampler {rate.sampler}" if rate.sampler is not None else "")
        + (f", interface {rate.interface}" if rate.interface is not None else "")
        for rate in exporter.sampling
    ]
    lines += _announced(exporter)
    for template in exporter.templates:
        kind = "options template" if template.options else "template"
        line = f"{kind} {template.template_id} (domain {template.domain}): {template.fields} fields"
        line += ": " + ", ".join(template.elements) if template.elements else ""
        lines.append(line)
    lines += [
        f"template {item.template_id} (domain {item.domain}) unknown: {item.waiting} sets wait"
        for item in exporter.missing
    ]
    lines += [_interface(item) for item in exporter.interfaces]
    interesting = {k: v for k, v in sorted(exporter.counts.items()) if v}
    lines.append("  ".join(f"{name} {amount:,}" for name, amount in interesting.items()))
    return Text("\n".join(clean(line, 2000) for line in lines))


def _announced(exporter: ExporterStatus) -> list[str]:
    """What the exporter said in options data, and what nobody named."""
    lines = []
    for domain in exporter.announced:
        for title, names in (("interfaces", domain.interfaces), ("VRFs", domain.vrfs)):
            if names:
                shown = ", ".join(f"{number} {name}" for number, name in names[:_NAMES])
                more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
                lines.append(f"{title} of domain {domain.domain}: {shown}{more}")
        if domain.applications:
            lines.append(f"{domain.applications} application names in domain {domain.domain}")
        if domain.statistics:
            totals = ", ".join(f"{name} {amount:,}" for name, amount in domain.statistics)
            lines.append(f"domain {domain.domain} says of itself: {totals}")
        if domain.elements:
            lines.append(f"elements named by domain {domain.domain}: {', '.join(domain.elements)}")
    if exporter.unnamed:
        lines.append(f"elements without a name: {', '.join(exporter.unnamed)}")
    return lines


def _interface(item: InterfaceStatus) -> str:
    """Load of an interface by its counters, beside its speed."""
    rates = []
    for way, rate in (("in", item.in_bits_per_second), ("out", item.out_bits_per_second)):
        share = f" ({100 * rate / item.speed:.1f} %)" if rate is not None and item.speed else ""
        rates.append(f"{way} -" if rate is None else f"{way} {scaled(rate)}bit/s{share}")
    name = f" {item.name}" if item.name else ""
    lost = sum(n or 0 for n in (item.in_discards, item.out_discards, item.in_errors, item.out_errors))
    state = "up" if item.oper_up else "down"
    return f"interface {item.index}{name} {state}, {scaled(item.speed)}bit/s: {', '.join(rates)}, {lost:,} lost"


def _ago(ms: int) -> str:
    seconds = max(0, ms) / 1000
    if seconds < 2:
        return "now"
    return (
        f"{seconds:.0f}s" if seconds < 100 else f"{seconds / 60:.0f}m" if seconds < 6000 else f"{seconds / 3600:.0f}h"
    )
