"""What commands that read flows share: which files, which window, which filter, and how to answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datetime import tzinfo

    from nftui.engine.lake.place import Place
    from nftui.engine.query.filters import Filter
    from nftui.engine.query.parser import Surroundings
    from nftui.engine.query.sources import Sources
    from nftui.engine.query.time import Window
    from nftui.engine.spark.address import Address

_SHOWN_SKIPS = 20


@dataclass(frozen=True, slots=True)
class Lake:
    """Which flows of which lake are asked about, and who reads them.

    Attributes:
        place: the lake.
        sites: of it; all if empty.
        backend: a Spark cluster; None for this machine.
    """

    place: Place
    sites: tuple[str, ...]
    backend: Address | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the flows are that are asked about.

    Attributes:
        paths: of `-r`, `-R` and `-M`, or the default store; none with a lake.
        ranges: they are those of `-R`.
        lake: the lake of `--lake`; None without one.
    """

    paths: list[str]
    ranges: bool
    lake: Lake | None

    def sources(self, window: Window) -> Sources:
        """The files that this machine reads, those that may hold flows of a window.

        Raises:
            NftuiError: there are none by that name, or they cannot be listed.
        """
        from nftui.engine.query.sources import find_sources, lake_sources

        if self.lake is not None:
            return lake_sources(self.lake.place, self.lake.sites, window.start_ms, window.end_ms)
        from nftui.engine.archive.formats import ArchiveFormats

        return find_sources(self.paths, window.start_ms, window.end_ms, self.ranges, ArchiveFormats())


_Command = TypeVar("_Command", bound=Callable[..., Any])

_SOURCE_OPTIONS = (
    click.option("-r", "--read", "read", multiple=True, metavar="PATH", help="Store, directory, or file of flows."),
    click.option("-R", "ranges", multiple=True, metavar="PATH", help="Directory, DIR/FIRST, or DIR/FIRST:LAST."),
    click.option("-M", "many", metavar="DIRS", help="/any/a:b:c: the same -r or -R in several directories."),
)
_LAKE_OPTIONS = (
    click.option("--lake", metavar="URI", help="Lake to read instead of a store: a directory or s3://bucket/prefix."),
    click.option("--site", "sites", multiple=True, metavar="NAME", help="Only this site of the lake; repeatable."),
)
_CLUSTER_OPTIONS = (
    *_LAKE_OPTIONS,
    click.option("--backend", metavar="URL", help="Ask a Spark cluster that reads the lake: sc://host:port."),
)
_WINDOW_OPTIONS = (
    click.option(
        "-t",
        "--time",
        "window",
        metavar="WINDOW",
        help="2026/10/01.12-2026/10/01.14, -1h, 'today 14:00..15:00', +10, -10.",
    ),
    click.option(
        "--window",
        "mode",
        type=click.Choice(["overlap", "inside", "start", "end"]),
        default="overlap",
        show_default=True,
        help="Which flows belong to the window; nfdump's is inside.",
    ),
)
_ANSWER_OPTIONS = (
    click.option("-N", "plain", is_flag=True, help="Plain numbers."),
    click.option("-6", "full_ipv6", is_flag=True, help="IPv6 addresses at full length."),
    click.option("-q", "quiet", is_flag=True, help="No header and no summary."),
    click.option("--unscaled", is_flag=True, help="Counters as the wire had them, sampling not applied."),
    click.option("--config", metavar="FILE", help="Configuration: saved filters, names of exporters."),
    click.option("--utc", is_flag=True, help="Times in UTC."),
    click.option("--zone", metavar="NAME", help="Times in a zone such as Europe/Zurich."),
    click.option(
        "--memory",
        default="",
        metavar="SIZE",
        help="Memory limit such as 2GB, 500MB unless told; beyond it, work goes to disk.",
    ),
    click.option("--threads", type=click.IntRange(0), default=0, help="Worker threads; 0 for one per core."),
)


def source_options(command: _Command) -> _Command:
    """Options for what is read, for `asked_origin`."""
    return _with(_SOURCE_OPTIONS, command)


def lake_options(command: _Command) -> _Command:
    """Options for a lake that this machine reads, for `asked_origin`."""
    return _with(_LAKE_OPTIONS, command)


def cluster_options(command: _Command) -> _Command:
    """Options for a lake and what reads it, for `asked_origin` or `asked_lake`."""
    return _with(_CLUSTER_OPTIONS, command)


def window_options(command: _Command) -> _Command:
    """Options for which time is asked about, for `asked_window`."""
    return _with(_WINDOW_OPTIONS, command)


def answer_options(command: _Command) -> _Command:
    """Options for how numbers, addresses and times are written and what the work may cost."""
    return _with(_ANSWER_OPTIONS, command)


def _with(options: tuple[Callable[[_Command], _Command], ...], command: _Command) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def asked_origin(
    read: tuple[str, ...],
    ranges: tuple[str, ...],
    many: str | None,
    lake: str | None,
    sites: tuple[str, ...],
    backend: str | None = None,
) -> Origin:
    """Where the flows are, by `-r`, `-R`, `-M`, `--lake`, `--site` and `--backend`. Raises UsageError."""
    asked = asked_lake(lake, sites, backend, bool(read or ranges or many))
    return Origin([] if asked else _paths(read, ranges, many), bool(ranges), asked)


def _paths(read: tuple[str, ...], ranges: tuple[str, ...], many: str | None) -> list[str]:
    """Paths of `-r`, `-R` and `-M`; the default store without any of them. Raises UsageError."""
    from nftui.errors import UsageError

    if read and ranges:
        raise UsageError("-r and -R exclude each other")
    paths = [*read, *ranges]
    if many:
        from nftui.engine.query.sources import expand

        return expand(many, paths)
    if paths:
        return paths
    from nftui.config import default_store

    return [str(default_store())]


def asked_lake(lake: str | None, sites: tuple[str, ...], backend: str | None, others: bool) -> Lake | None:
    """The lake of `--lake`, `--site` and `--backend`; None without one.

    Args:
        lake: its URI.
        sites: of it.
        backend: what reads it.
        others: whether other files are named, too.

    Raises:
        UsageError: they do not go together, or one of them cannot be understood.
    """
    from nftui.errors import UsageError

    if lake is None:
        if backend or sites:
            raise UsageError(f"{'--backend' if backend else '--site'} goes with --lake URI: say which flows to read")
        return None
    if others:
        raise UsageError("--lake excludes -r, -R and -M")
    from nftui.engine.lake.place import check_site, parse_place
    from nftui.engine.spark.address import parse_backend

    address = parse_backend(backend) if backend else None
    return Lake(parse_place(lake), tuple(map(check_site, sites)), address)


def asked_filter(words: tuple[str, ...], file: str | None, zone: tzinfo | None, config: str | None = None) -> Filter:
    """The filter, from the arguments or a file; saved ones are in the configuration.

    Raises:
        FilterError, UsageError, ConfigError: it is wrong or cannot be read.
    """
    from nftui.engine.query.filters import EVERYTHING
    from nftui.errors import UsageError

    text = " ".join(words)
    if file is not None:
        if text:
            raise UsageError("give the filter with -f or as arguments, not both")
        text = read_text(file)
    if not text:
        return EVERYTHING
    from nftui.engine.query.parser import parse_filter

    return parse_filter(text, _surroundings(text, zone, config))


def _surroundings(text: str, zone: tzinfo | None, config: str | None) -> Surroundings:
    from pathlib import Path

    from nftui.config import load
    from nftui.engine.query.hostnames import resolve
    from nftui.engine.query.parser import Surroundings
    from nftui.engine.query.time import moment

    now = time.time_ns() // 1_000_000
    file = Path(config) if config else None

    def exporter(name: str) -> list[tuple[int, int]] | None:
        return named_exporters(load(file).collector.sources).get(name.lower())

    return Surroundings(
        resolve=resolve,
        include=read_text,
        saved=load(file).filters if "@" in text or config else {},
        exporters=exporter,
        moment=lambda text: moment(text, now, zone),
    )


def name_elements(config: str | None) -> None:
    """Give elements without a column the names of the user's file, `elements.file` of the configuration.

    Raises:
        ConfigError: the configuration or the file is wrong.
    """
    from pathlib import Path

    from nftui.config import load
    from nftui.engine.elements import read_user_file

    named = load(Path(config) if config else None).elements.file
    if named:
        read_user_file(Path(named).expanduser())


def named_exporters(sources: tuple[str, ...]) -> dict[str, list[tuple[int, int]]]:
    """Networks by the lower-case names that `collector.sources` (`ident,cidr[;cidr...]`) gives to exporters."""
    from nftui.engine.query.numbers import block

    out: dict[str, list[tuple[int, int]]] = {}
    for source in sources:
        ident, _, networks = source.partition(",")
        found = [block(network.strip()) for network in networks.split(",")[0].split(";")]
        out.setdefault(ident.strip().lower(), []).extend(one for one in found if one is not None)
    return out


def read_text(path: str) -> str:
    """Text of a file with a filter. Raises UsageError."""
    from nftui.engine.limits import DEFAULT
    from nftui.errors import UsageError

    try:
        with open(path, encoding="utf-8", errors="strict") as file:
            return file.read(DEFAULT.filter_bytes + 1)
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text in UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def asked_window(text: str | None, mode: str, zone: tzinfo | None) -> Window:
    """The window of `-t` and `--window`. Raises UsageError."""
    from nftui.engine.query.time import Mode, Window, window

    if text is None:
        return Window(mode=Mode(mode))
    return window(text, time.time_ns() // 1_000_000, zone, Mode(mode))


def report_skipped(sources: Sources) -> int:
    """Name what was not read, on standard error.

    Returns:
        Exit code: 0, or 3 if anything was skipped.
    """
    from nftui.cli.diagnostics import say
    from nftui.errors import PartialAnswer

    if not sources.skipped:
        return 0
    for path, reason in sources.skipped[:_SHOWN_SKIPS]:
        say(f"nftui: skipped {path}: {reason}")
    if len(sources.skipped) > _SHOWN_SKIPS:
        say(f"nftui: and {len(sources.skipped) - _SHOWN_SKIPS} more")
    say(f"nftui: the answer is partial: {len(sources.skipped)} files were skipped")
    return PartialAnswer.exit_code
