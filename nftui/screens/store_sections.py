"""What is known of a store, in sections of lines: size and growth, days, expiry, compaction, check, quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nftui.screens.exporter_words import moment
from nftui.text import counted, measured, percent
from nftui.widgets.minute_bars import bars
from nftui.widgets.pager import Line, field, heading, plain
from nftui.widgets.ribbon import Role
from nftui.widgets.table_layout import bar

if TYPE_CHECKING:
    from nftui.engine.health import Health
    from nftui.engine.store.check import Checked
    from nftui.engine.store.overview import OldFile, StoreOverview

_DAY_MS = 86_400_000
_DAYS_SHOWN = 400
_HOURS_NAMED = 48
_SOON_DAYS = 7
_LATE_SECONDS = 900
_STATES = {
    "live": "being written", "sealed": "sealed Parquet", "compacted": "compacted hours, with roll-ups",
    "replaced": "compacted away, kept for running queries", "temporary": "half made",
    "quarantined": "damaged, put aside",
}  # fmt: skip
_CHECK_ROLES: dict[str, Role] = {"running": "accent", "done": "good", "cancelled": "warn", "failed": "bad"}


def size(amount: float) -> str:
    """Bytes as `12.3 GB`, powers of 1000 as everywhere on the screen."""
    return measured(amount, "B")


def summary(found: StoreOverview, health: Health, width: int, ascii_only: bool = False) -> list[Line]:
    """Size, days kept, growth, and when it is full."""
    lines = [field("store", health.store_root)]
    kept = (found.last_ms - found.first_ms) / _DAY_MS if found.first_ms is not None and found.last_ms is not None else 0
    lines.append(field("takes", f"{size(found.bytes)} of {size(found.disk_bytes)}, {size(found.free_bytes)} free"))
    share = 1 - found.free_bytes / found.disk_bytes if found.disk_bytes else 0.0
    cells = max(10, min(60, width - 30))
    role: Role = "bad" if share > 0.95 else "warn" if share > 0.85 else "accent"
    lines.append(
        Line((("disk               ", "dim"), (bar(share, cells, ascii_only), role), (f" {percent(share)}", "dim")))
    )
    if found.first_ms is not None and found.last_ms is not None:
        lines.append(field("keeps", f"{kept:.1f} days, {moment(found.first_ms)} to {moment(found.last_ms)}"))
    else:
        lines.append(field("keeps", "nothing sealed yet: the first file comes when its slot is over", "dim"))
    lines.append(field("a flow takes", "not known yet" if found.flow_bytes is None else
                       f"{found.flow_bytes:.1f} bytes on disk, over the latest files"))  # fmt: skip
    growth = f"{size(found.daily_bytes)} a day, over the last week" if found.daily_bytes else "not known yet: too young"
    lines.append(field("grows", growth))
    lines.append(full_line(found))
    if found.policy.limited and found.days_kept is not None:
        lines.append(field("will keep", f"{found.days_kept:.1f} days once it is at its limits"))
    lines += [Line(), heading("Files")]
    for state in found.states:
        noun = "file " if state.files == 1 else "files"
        words = f"{state.files:>7,} {noun} {size(state.bytes):>10}  {_STATES.get(state.state, '')}"
        lines.append(field(state.state, words, "warn" if state.state == "quarantined" else "plain"))
    if health.store is not None:
        status = health.store
        lines += [Line(), heading("Now")]
        lines.append(field("being written", f"{counted(status.live_flows, 'flow')} in {size(status.live_bytes)}, "
                           f"{status.unsaved_flows:,} in memory"))  # fmt: skip
        lines.append(field("waiting for a seal", f"{status.waiting_segments} segments"))
        if "lake.waiting" in health.counts:
            waiting, late = health.counts["lake.waiting"], health.counts.get("lake.lag_seconds", 0)
            words = f"{waiting} finished files, the oldest for {late} s" if waiting else "nothing"
            lines.append(field("waits for the lake", words, "warn" if late > _LATE_SECONDS else "plain"))
        if status.error:
            lines.append(field("trouble", status.error, "bad"))
    return lines


def full_line(found: StoreOverview) -> Line:
    """`full in N days`, or at its limit, or why that is not known."""
    if found.days_left is None:
        return field("full", "not known yet: it needs an hour of flows", "dim")
    limit = "at its limit of size" if found.policy.most_bytes is not None else "full"
    if not found.policy.limited:
        words = f"full in {found.days_left:.1f} days: nothing expires, set store.expire_size or store.expire_age"
        return field("full", words, "bad" if found.days_left < _SOON_DAYS else "warn")
    words = f"{limit} in {found.days_left:.1f} days, then the oldest files go" if found.days_left > 0 else (
        f"{limit}: the oldest files go as new ones come")  # fmt: skip
    return field("full", words)


def days(found: StoreOverview, width: int, ascii_only: bool = False) -> list[Line]:
    """Each day with its files and bytes, the latest first, and growth as bars."""
    if not found.days:
        return [plain("No sealed file yet.", "dim")]
    amounts = [day.bytes for day in found.days]
    most = max(amounts)
    cells = max(8, min(40, width - 46))
    lines = [
        Line((("bytes a day  ", "dim"), (bars(amounts, max(10, width - 16), ascii_only), "accent")), rigid=True),
        Line(),
    ]
    lines.append(heading(f"{'day, UTC':<12}{'files':>7}{'size':>10}  {'compacted':<12}"))
    for day in list(reversed(found.days))[:_DAYS_SHOWN]:
        date = f"{datetime.fromtimestamp(day.day_ms / 1000, UTC):%Y-%m-%d}"
        done = f"{day.compacted} of {day.hours} h"
        lines.append(Line(((f"{date:<12}", "plain"), (f"{day.files:>7,}{size(day.bytes):>10}  ", "plain"),
                           (f"{done:<12}", "dim"), (bar(day.bytes / most, cells, ascii_only), "accent")),
                          rigid=True))  # fmt: skip
    return lines


def expiry(found: StoreOverview, settings: Mapping[str, str]) -> list[Line]:
    """The limits, what goes at the next expiry, and what goes after that."""
    policy = found.policy
    lines = [
        heading("Limits of the collector"),
        field("size", size(policy.most_bytes) if policy.most_bytes is not None else "none (store.expire_size)"),
        field("age", f"{policy.most_age_ms / _DAY_MS:g} days" if policy.most_age_ms is not None else
              "none (store.expire_age)"),
        field("free disk", percent(policy.least_free) if policy.least_free is not None else "none (store.expire_free)"),
        field("watermark", f"{percent(policy.watermark)} of a limit is left when one is passed"),
        Line(),
    ]  # fmt: skip
    if not settings:
        lines.append(plain("The collector does not answer: its limits are not known.", "warn"))
    if found.going:
        total = sum(old.bytes for old in found.going)
        lines.append(heading(f"Goes at the next expiry: {counted(len(found.going), 'file')}, {size(total)}"))
        lines += [_old(old) for old in found.going]
    else:
        lines.append(plain("Nothing goes at the next expiry.", "good" if policy.limited else "dim"))
    if found.oldest:
        lines += [Line(), heading("Goes after that, the oldest first" if policy.limited else "The oldest files")]
        lines += [_old(old) for old in found.oldest]
    return lines


def _old(old: OldFile) -> Line:
    return Line(((f"{moment(old.start_ms)} ", "plain"), (f"{size(old.bytes):>10}  ", "accent"), (old.name, "dim")), 31)


def compaction(found: StoreOverview, health: Health, settings: Mapping[str, str]) -> list[Line]:
    """Hours that wait for compaction, and how it went."""
    counts = health.counts
    state = settings.get("store.compact", "")
    words = {"True": "by the collector, every ten minutes", "False": "off: run `nftui compact` now and then"}
    lines = [
        field("compaction", words.get(state, "not known: the collector does not answer")),
        field("runs", f"{counts.get('compactions.run', 0):,}, failed {counts.get('compactions.failed', 0):,}",
              "bad" if counts.get("compactions.failed") else "plain"),
        field("hours", f"{sum(day.compacted for day in found.days):,} of "
              f"{sum(day.hours for day in found.days):,} are compacted"),
        Line(),
    ]  # fmt: skip
    if not found.waiting_hours:
        return [*lines, plain("No finished hour waits.", "good")]
    lines.append(heading(f"{len(found.waiting_hours):,} finished hours wait, the oldest first"))
    lines += [plain(moment(hour)) for hour in found.waiting_hours[:_HOURS_NAMED]]
    if len(found.waiting_hours) > _HOURS_NAMED:
        lines.append(plain(f"and {len(found.waiting_hours) - _HOURS_NAMED} more", "dim"))
    return lines


def check(checked: Checked | None, width: int, ascii_only: bool = False) -> list[Line]:
    """How far the check is, and what it found."""
    if checked is None:
        return [
            plain("Every byte of every file is read and held against its checksum. Nothing is changed."),
            Line(), Line((("v", "accent"), (" starts it; it goes on while you look at something else.", "plain"))),
        ]  # fmt: skip
    words = {"running": "checking, x stops it", "done": "done", "cancelled": "stopped by you", "failed": "failed"}
    role = _CHECK_ROLES[checked.state]
    cells = max(10, min(60, width - 30))
    lines = [
        Line(((f"{words[checked.state]:<22} ", role), (bar(checked.share, cells, ascii_only), "accent"),
              (f" {percent(checked.share)}", "dim"))),
        field("files", f"{checked.files:,}, {size(checked.bytes)} of {size(checked.all_bytes)}"),
        field("flow records", f"{checked.rows:,} can be read"),
    ]  # fmt: skip
    if checked.error:
        lines.append(field("trouble", checked.error, "bad"))
    bad = len(checked.damaged) + checked.more_damaged
    lines.append(field("damaged", counted(bad, "file"), "bad" if bad else "good"))
    for path, problem in checked.damaged:
        lines.append(Line(((f"{path}: ", "plain"), (problem, "bad")), 2))
    if checked.more_damaged:
        lines.append(plain(f"and {checked.more_damaged:,} more", "dim"))
    if bad and checked.state == "done":
        lines += [Line(), plain("nftui verify --repair saves what reads, and puts the rest aside.", "accent")]
    return lines


def quarantine(found: StoreOverview) -> list[Line]:
    """Damaged files that were put aside."""
    if not found.quarantined:
        return [plain("No file was put aside.", "good")]
    lines = [heading(f"{counted(len(found.quarantined), 'file')} in _quarantine, left out of every answer")]
    return lines + [field(size(taken), name, width=10) for name, taken in found.quarantined]
