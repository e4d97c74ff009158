"""Templates of an exporter: fields with their lengths, age, and those that data waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nftui.screens.exporter_words import VARIABLE, ago, version
from nftui.text import counted
from nftui.widgets.pager import Line, heading, plain

if TYPE_CHECKING:
    from nftui.engine.decode.status import ExporterStatus, TemplateStatus

_MOST_LINES = 3000


def templates(exporter: ExporterStatus, now_ms: int, width: int) -> list[Line]:
    """All templates, those that are missing first."""
    lines: list[Line] = []
    for item in exporter.missing:
        words = f"{item.waiting:,} data sets wait for it"
        name = f"template {item.template_id} of domain {item.domain} ({version(item.version)}) is missing: "
        lines.append(Line(((name, "bad"), (words, "plain")), 2))
    if exporter.missing:
        lines.append(Line())
    for template in exporter.templates:
        lines += _template(template, now_ms, width)
        if len(lines) > _MOST_LINES:
            lines.append(plain("There are more; `nftui ctl templates --json` has all.", "dim"))
            break
    if not lines:
        without = set(exporter.versions) & {1, 5, 7, 20}
        words = "Its version has a fixed format and no templates." if without else "No template has come yet."
        lines.append(plain(words, "dim"))
    return lines


def _template(template: TemplateStatus, now_ms: int, width: int) -> list[Line]:
    kind = "options template" if template.options else "template"
    size = sum(length for length in template.lengths if length != VARIABLE)
    more = " and more" if VARIABLE in template.lengths else ""
    age = f"known for {ago(now_ms - template.first_ms)}, refreshed {ago(now_ms - template.refreshed_ms)}"
    age = age.replace("for now", "since now") + (" ago" if now_ms - template.refreshed_ms >= 2000 else "")
    lines = [
        heading(f"{kind} {template.template_id}, domain {template.domain} ({version(template.version)}): "
                f"{counted(template.fields, 'field')}, {counted(size, 'byte')}{more}"),
        plain(f"  {age}", "dim"),
    ]  # fmt: skip
    if template.contested:
        lines.append(plain(f"  contested: it got its former fields back {counted(template.contested, 'time')}", "bad"))
    return [*lines, *_fields(template, width), Line()]


def _fields(template: TemplateStatus, width: int) -> list[Line]:
    """Names and lengths in as many columns as fit."""
    cells = [
        (_number(number), name, "var" if length == VARIABLE else str(length))
        for number, name, length in zip(template.numbers, template.elements, template.lengths, strict=True)
    ]
    if not cells:
        return []
    longest = min(40, max(len(name) for _, name, _ in cells))
    digits = max(len(number) for number, _, _ in cells)
    columns = max(1, (width - 2) // (digits + longest + 8))
    lines = []
    for at in range(0, len(cells), columns):
        spans = [("  ", "plain")]
        for number, name, length in cells[at : at + columns]:
            spans += [
                (f"{number:>{digits}} ", "dim"),
                (f"{name[:longest]:<{longest}} ", "plain"),
                (f"{length:>4}  ", "accent"),
            ]
        lines.append(Line(tuple(spans), rigid=True))  # type: ignore[arg-type]  # the roles are literals
    return lines


def _number(number: tuple[int, int]) -> str:
    pen, element = number
    return str(element) if pen == 0 else f"{pen}.{element}" if 0 < pen < 1 << 32 else f"scope {element}"
