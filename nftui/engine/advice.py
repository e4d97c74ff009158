"""What an exporter's state means in words, and what to do about it: one rule, one sentence, one command.

Rules read plain values (`nftui.engine.decode.status`, `nftui.engine.losses`), so that a screen, a viewer of another
process and `nftui ctl advice` say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nftui.engine.counters import total
from nftui.engine.decode.status import ExporterStatus, RejectedDatagram
from nftui.engine.ingest.allow import Refused
from nftui.engine.losses import Losses
from nftui.text import counted, measured

Level = Literal["bad", "warn", "note"]

SKEW_MS = 2000
"""Clocks further apart than this put flows into the wrong second; NTP keeps them within a tenth."""
DELAY_MS = 120_000
"""Flows that come later than this after their end make a live screen a picture of the past."""
SILENT_MS = 120_000
_HOUR_MS = 3_600_000
_RECENT_MINUTES = 10
_DUPLICATE_SHARE = 0.01
_CHANGES = 6
_BUFFER = 128 << 20
_SAMPLERS = {(0, 48), (0, 302)}
_ORDER: dict[Level, int] = {"bad": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to know or to do.

    Attributes:
        rule: name of the rule.
        level: `bad` when flows are lost or wrong, `warn` when they may be, `note` otherwise.
        text: what is so and why, in a sentence or two.
        remedy: command or setting, empty where there is none.
    """

    rule: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at.

    Attributes:
        exporter: its state.
        losses: its last minutes and the collector's.
        rejected: its datagrams that could not be decoded, the latest first.
        now_ms: UTC.
        settings: the collector's configuration by name.
    """

    exporter: ExporterStatus
    losses: Losses
    rejected: Sequence[RejectedDatagram] = ()
    now_ms: int = 0
    settings: Mapping[str, str] | None = None

    def recent(self, name: str) -> int:
        """A figure of the exporter in the last minutes."""
        return self.losses.exporter.total(name, _RECENT_MINUTES)

    def recent_here(self, name: str) -> int:
        """A figure of the collector in the last minutes."""
        return self.losses.collector.total(name, _RECENT_MINUTES)


def advise(case: Case) -> list[Advice]:
    """All that can be said of an exporter, the worst first."""
    found = [advice for rule in _RULES for advice in rule(case)]
    return sorted(found, key=lambda advice: _ORDER[advice.level])


def advise_refused(sender: Refused) -> Advice:
    """What to do about a sender that is not allowed."""
    return Advice(
        "refused", "warn",
        f"{sender.address} is not allowed to send here: {counted(sender.datagrams, 'datagram')} came, counted "
        "and not looked at.", f"nftui --allow {sender.address}",
    )  # fmt: skip


def _kernel(case: Case) -> Iterator[Advice]:
    dropped = case.recent_here("kernel")
    if dropped:
        asked = int((case.settings or {}).get("collector.receive_buffer", "0") or 0)
        wanted = max(_BUFFER, 2 * asked)
        yield Advice(
            "kernel", "bad",
            f"The kernel dropped {counted(dropped, 'datagram')} of all exporters in the last {_RECENT_MINUTES} "
            "minutes: the socket's buffer was full before they could be read. Give it more room and start again.",
            f"sysctl -w net.core.rmem_max={wanted} ; nftui collect -B {wanted}",
        )  # fmt: skip


def _lost(case: Case) -> Iterator[Advice]:
    lost, reordered = case.recent("lost"), case.recent("reordered")
    if not lost:
        return
    if case.recent_here("kernel"):
        yield Advice(
            "lost", "bad",
            f"{lost:,} are missing by the sequence numbers in the last {_RECENT_MINUTES} minutes, and the kernel "
            "dropped datagrams in the same time: look there first.",
        )  # fmt: skip
    elif case.recent_here("over rate"):
        yield Advice(
            "lost", "bad", f"{lost:,} are missing in the last {_RECENT_MINUTES} minutes: the exporter sends more than "
            "--rate-limit lets through.", "nftui collect --rate-limit 0",
        )  # fmt: skip
    else:
        late = f" {reordered:,} came late, so the path is not a single one." if reordered else ""
        yield Advice(
            "lost", "bad",
            f"{lost:,} are missing by the sequence numbers in the last {_RECENT_MINUTES} minutes and nothing was "
            f"dropped here: they were lost on the way or by the exporter itself.{late}",
            "On the device: a source interface near this collector, a lower export rate, or sampling.",
        )  # fmt: skip


def _oversize(case: Case) -> Iterator[Advice]:
    if case.recent_here("oversize"):
        yield Advice(
            "oversize", "bad", f"{case.recent_here('oversize'):,} datagrams of all exporters were larger than a "
            "collector's slot and lost their end.", "On the device: an export MTU of 1500 or less.",
        )  # fmt: skip


def _missing(case: Case) -> Iterator[Advice]:
    exporter = case.exporter
    gone = exporter.counts.get("sets.waiting_expired", 0) + exporter.counts.get("sets.waiting_overflow", 0)
    refresh = "On the device: a template refresh of 60 seconds, or 20 packets (Cisco: template data timeout 60)."
    if exporter.missing:
        ids = ", ".join(f"{item.template_id} of domain {item.domain}" for item in exporter.missing[:5])
        lost = f" {gone:,} earlier ones were given up." if gone else ""
        yield Advice(
            "missing", "bad" if gone else "warn", f"{sum(item.waiting for item in exporter.missing):,} data sets wait "
            f"for their template: {ids}. The exporter repeats templates now and then only.{lost}", refresh,
        )  # fmt: skip
    elif gone:
        yield Advice(
            "missing", "warn", f"{gone:,} data sets were given up because their template did not come in time.", refresh
        )


def _skew(case: Case) -> Iterator[Advice]:
    skew = case.exporter.clock_skew_ms
    if abs(skew) < SKEW_MS:
        return
    side = "ahead of" if skew > 0 else "behind"
    hours = round(skew / _HOUR_MS)
    if hours and abs(skew - hours * _HOUR_MS) < 60_000:
        why = f"its clock is {abs(hours)} h {side} ours, as if it took local time for UTC"
    else:
        why = f"its clock is {abs(skew) / 1000:,.1f} s {side} ours"
    yield Advice(
        "skew", "warn", f"Flows of this exporter have the wrong time: {why}.",
        "On the device: NTP, and UTC where exports take the clock from (Cisco: ntp server ADDRESS).",
    )  # fmt: skip


def _delay(case: Case) -> Iterator[Advice]:
    delay = case.exporter.export_delay_ms
    if delay > DELAY_MS:
        yield Advice(
            "delay", "warn", f"Flows are exported {delay / 1000:,.0f} s after they end: what is live here is older "
            "than it looks.",
            "On the device: an inactive timeout of 15 s and an active one of 60 s (Cisco: cache timeout active 60).",
        )  # fmt: skip


def _sampling(case: Case) -> Iterator[Advice]:
    exporter = case.exporter
    known = {rate.domain for rate in exporter.sampling} if exporter.sampling else set()
    everywhere = any(rate.source == "config" for rate in exporter.sampling)
    for domain in sorted({t.domain for t in exporter.templates if not t.options and _SAMPLERS & set(t.numbers)}):
        if domain not in known and not everywhere:
            yield Advice(
                "sampling", "bad", f"Flows of domain {domain} name a sampler whose rate was never announced: amounts "
                "are shown as if nothing was sampled.",
                f"nftui collect -s {exporter.address}=RATE, or on the device: option sampler-table.",
            )  # fmt: skip
    if len(exporter.rate_changes) >= _CHANGES:
        last = exporter.rate_changes[-1]
        yield Advice(
            "rates", "note", f"Its sampling rate changes often, lately from 1:{last.before} to 1:{last.after}: each "
            "flow has the rate that was in force when it came.",
        )  # fmt: skip


def _contested(case: Case) -> Iterator[Advice]:
    contested = [t for t in case.exporter.templates if t.contested]
    if contested:
        ids = ", ".join(str(t.template_id) for t in contested[:5])
        yield Advice(
            "contested", "bad", f"Template {ids} changes back and forth: two export processes seem to use one address, "
            "port and domain, and each record is read by whichever template came last.",
            "On the device: another source port or observation domain for each process.",
        )  # fmt: skip


def _numbering(case: Case) -> Iterator[Advice]:
    for item in case.exporter.numbering:
        if item.held:
            yield Advice(
                "numbering", "note", f"{item.held} datagrams of domain {item.domain} are looked at before it is said "
                "whether any were lost: their numbers do not fit the protocol.",
            )  # fmt: skip
        elif item.unit == "nothing":
            yield Advice(
                "numbering", "warn", f"The sequence numbers of domain {item.domain} never change: what is lost on the "
                "way cannot be seen.",
            )  # fmt: skip
        elif not item.standard:
            yield Advice(
                "numbering", "note", f"The sequence numbers of domain {item.domain} count {item.unit}, not what its "
                "protocol says; losses are counted in that.",
            )  # fmt: skip


def _twice(case: Case) -> Iterator[Advice]:
    again, datagrams = case.recent("duplicates"), case.recent("datagrams")
    if again and again >= _DUPLICATE_SHARE * datagrams:
        yield Advice(
            "duplicates", "warn", f"{again:,} of {datagrams:,} datagrams came twice: its flows count twice, too.",
            "On the device: this collector only once among the export destinations; or a mirror port sends copies.",
        )  # fmt: skip


def _restarts(case: Case) -> Iterator[Advice]:
    restarts = case.recent("restarts")
    if restarts > 1:
        yield Advice(
            "restarts", "warn", f"Its export process began anew {restarts} times in the last {_RECENT_MINUTES} "
            "minutes, or several processes share one address, port and domain.",
        )  # fmt: skip


_REASONS = {
    "datagrams.rejected.version": "are none of NetFlow v1, v5, v7, v9, IPFIX or sFlow 5: something else sends to this "
    "port",
    "datagrams.rejected.short": "are shorter than the header of their version",
    "datagrams.rejected.empty": "are empty",
    "datagrams.rejected.header": "contradict their own length",
    "datagrams.rejected.session": "are of senders beyond what is remembered",
    "datagrams.rejected.bug": "met a fault of the decoder: please report it",
    "sets.bad_length": "end in a set of an impossible length: cut on the way, or a fault of the exporter",
    "templates.rejected": "announce a template that cannot be",
}


def _rejected(case: Case) -> Iterator[Advice]:
    counts = case.exporter.counts
    for reason, words in _REASONS.items():
        amount = total(counts, reason)
        if amount:
            seen = " Their bytes are in the section `rejected`." if case.rejected else ""
            yield Advice("rejected", "warn", f"{amount:,} of its datagrams {words}.{seen}")


def _speed(case: Case) -> Iterator[Advice]:
    for item in case.exporter.interfaces:
        busy = max(item.in_bits_per_second or 0, item.out_bits_per_second or 0)
        name = f"{item.index} {item.name}".rstrip()
        if item.speed and busy > item.speed:
            yield Advice(
                "speed", "warn", f"Interface {name} carries {measured(busy, 'bit/s')} by its counters and is said to "
                f"have {measured(item.speed, 'bit/s')}: its speed is announced wrongly, or the counters are.",
                "On the device: bandwidth (Cisco) or the speed of an aggregate or tunnel interface.",
            )  # fmt: skip
        elif item.speed and busy > 0.9 * item.speed:
            yield Advice("speed", "note", f"Interface {name} is {100 * busy / item.speed:.0f} % full.")


def _silent(case: Case) -> Iterator[Advice]:
    silence = case.now_ms - case.exporter.last_seen_ms
    if silence > SILENT_MS:
        yield Advice(
            "silent", "warn", f"Nothing came for {silence // 60_000} minutes.",
            f"Here: tcpdump -ni any host {case.exporter.address} and udp",
        )  # fmt: skip


def _elements(case: Case) -> Iterator[Advice]:
    if case.exporter.unnamed:
        yield Advice(
            "elements", "note", f"{len(case.exporter.unnamed)} elements of its templates have no name here, such as "
            f"{case.exporter.unnamed[0]}: they are kept under their numbers.",
            "A file of elements.file in the configuration names them, see docs/elements.md.",
        )  # fmt: skip


_RULES: tuple[Callable[[Case], Iterator[Advice]], ...] = (
    _kernel, _lost, _oversize, _missing, _contested, _sampling, _skew, _delay, _rejected, _twice, _restarts, _numbering,
    _speed, _silent, _elements,
)  # fmt: skip
