"""Configuration: defaults, TOML file, environment and command line merged into frozen dataclasses.

An option that was typed wins over the environment variable `NFTUI_<TABLE>_<KEY>`, that over the file, that over
the default. Tables of the file are the fields of `Config`, their keys the fields of the parts:

    [collector]
    listen = ["[::]:2055"]
    allow = ["private", "198.51.100.0/24"]

    [store]
    path = "/var/lib/nftui"
    rotate = 300

    [filters]
    web = "tcp and dst port in [80 443]"

    [rules]
    upload = "src net 10/8 and not dst net 10/8 over 3x usual"

The keys of `[filters]` and `[rules]` are free: they name filters, for `@web` in others, and rules of the watch.
Those of `[keys]` are the names of the screen's actions, `pause = "x Space"`: see docs/keys.md.
Filters that are saved on the screen stand in a file beside this one (`nftui.saved_filters`); of two with one name
that of the configuration counts. A name that nobody knows is an error, never ignored: a misspelt `alow` must not open
or close a collector.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from nftui import saved_filters
from nftui.errors import ConfigError
from nftui.text import nearest
from nftui.toml_text import parse_toml
from nftui.trust import cautions

APP = "nftui"


def default_store() -> Path:
    """Where flows go when nobody says otherwise: the user's data directory."""
    import platformdirs

    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "store"


def default_file() -> Path:
    """The file that is read when `--config` is not given; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


@dataclass(frozen=True, slots=True)
class CollectorConfig:
    """Reception.

    Attributes:
        listen: addresses as `[HOST]:PORT`, `HOST:PORT` or `PORT`, with `tcp://` for IPFIX over TCP; one socket each.
        allow: networks whose datagrams are believed, `private` for loopback, link-local, RFC 1918 and ULA,
            or `any`.
        sources: named exporters as `ident,cidr[;cidr...]`; when there are any, they alone are allowed.
        receive_buffer: bytes of kernel buffer asked for.
        sampling: rate assumed for exporters that announce none; negative: used even if they announce one.
        sampling_of: rates of single exporters or networks as `cidr=rate`, before `sampling`.
        rate_limit: datagrams per second taken from one exporter; 0 for any number.
        filter: filter of the flows that are kept; empty for all.
        forward: other collectors that get every datagram as it came, as `HOST/PORT`.
        metrics: where OpenMetrics are served, as `[HOST:]PORT`; without a host on loopback; empty for nowhere.
        control: path of the control socket; empty for the store's own.
        control_group: group whose members may ask at the control socket, but not change anything; empty for none.
    """

    listen: tuple[str, ...] = ("[::]:2055",)
    allow: tuple[str, ...] = ("private",)
    sources: tuple[str, ...] = ()
    receive_buffer: int = field(default=64 << 20, metadata={"low": 4096, "high": 1 << 30})
    sampling: int = field(default=1, metadata={"low": -10_000_000, "high": 10_000_000})
    sampling_of: tuple[str, ...] = ()
    rate_limit: int = field(default=0, metadata={"low": 0, "high": 1_000_000_000})
    filter: str = ""
    forward: tuple[str, ...] = ()
    metrics: str = ""
    control: str = ""
    control_group: str = ""


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Where and how flows are kept.

    Attributes:
        path: directory of the store; empty for the user's data directory.
        rotate: seconds of one slot, aligned to the epoch.
        ident: name of this collector, recorded in each file.
        on_seal: command that runs for each finished file, without a shell.
        compact: join the files of finished hours, in a process of low priority.
        expire_size: most that the store may take on disk, as `100G`; empty for no limit.
        expire_age: oldest flows that are kept, as `8w`; empty for no limit.
        expire_free: percentage of the disk that stays free, as `5%`; empty for no limit.
        expire_watermark: percentage of a limit down to which flows are removed once it is passed.
    """

    path: str = ""
    rotate: int = field(default=300, metadata={"low": 1, "high": 86_400})
    ident: str = "none"
    on_seal: str = ""
    compact: bool = True
    expire_size: str = ""
    expire_age: str = ""
    expire_free: str = ""
    expire_watermark: int = field(default=95, metadata={"low": 1, "high": 100})

    @property
    def root(self) -> Path:
        """The directory, with the default filled in."""
        return Path(self.path).expanduser() if self.path else default_store()


@dataclass(frozen=True, slots=True)
class GeoConfig:
    """Where addresses are, from databases on this machine; the extra `geo` reads them.

    Attributes:
        country: MaxMind database of countries or cities; empty for those in /var/lib/GeoIP and /usr/share/GeoIP.
        asn: the same of autonomous systems.
    """

    country: str = ""
    asn: str = ""


@dataclass(frozen=True, slots=True)
class ElementsConfig:
    """Information elements.

    Attributes:
        file: names and types of elements that the tables lack, see docs/elements.md.
    """

    file: str = ""


@dataclass(frozen=True, slots=True)
class KafkaConfig:
    """Where flows go besides the store, see docs/kafka.md.

    Attributes:
        brokers: where to begin, as `HOST:PORT`; none for no Kafka.
        topic: name of the topic.
        format: `arrow`, the store's columns as an Arrow IPC stream, or `protobuf`, goflow2's messages.
        settings: file with further settings of librdkafka, one `name=value` a line.
    """

    brokers: tuple[str, ...] = ()
    topic: str = "flows"
    format: str = "arrow"
    settings: str = ""


@dataclass(frozen=True, slots=True)
class LakeConfig:
    """Where finished files go besides the store, see docs/lake.md.

    Attributes:
        uri: `/path`, `file:///path` or `s3://bucket/prefix?endpoint_override=...&region=...`; empty for no lake.
        site: name of this collector's part of it.
        keep: age from which flows are removed there, as `26w`; empty for never, or to leave it to the bucket's rules.
        cache: most that files of a bucket may take on this machine when a query reads them, as `4G`.
    """

    uri: str = ""
    site: str = ""
    keep: str = ""
    cache: str = "4G"


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """What is looked for in the flows as they come, see docs/watch.md.

    Attributes:
        findings: what is found without a rule: `scan`, `flood`, `beacon`, `service`; `none` alone for nothing.
        lists: files with addresses and networks whose flows are told.
        quiet: filters of flows that are never looked at.
        command: runs for each new finding, without a shell, the finding as JSON on its standard input.
        bell: ring the terminal's bell for a new finding.
        scan_targets: hosts, or ports of a host, that one source may try within a minute.
        flood_flows: flows per second to one address from which on they can be a flood.
        learn: seconds after the start during which services are learnt instead of told.
    """

    findings: tuple[str, ...] = ("scan", "flood", "beacon", "service")
    lists: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    command: str = ""
    bell: bool = False
    scan_targets: int = field(default=100, metadata={"low": 10, "high": 1_000_000})
    flood_flows: int = field(default=500, metadata={"low": 1, "high": 100_000_000})
    learn: int = field(default=600, metadata={"low": 0, "high": 30 * 86_400})


@dataclass(frozen=True, slots=True)
class UiConfig:
    """The screen.

    Attributes:
        theme: name of the colour theme; empty for the default.
        filter: filter to start with.
        low_bandwidth: fewer refreshes, no trends and bars, fewer colours.
        read_only: refuse every action that changes something beyond the screen.
        mouse: take the mouse from the terminal.
        ascii: no characters beyond ASCII in charts and bars.
    """

    theme: str = ""
    filter: str = ""
    low_bandwidth: bool = False
    read_only: bool = False
    mouse: bool = True
    ascii: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """All parts, and where each value came from.

    Attributes:
        filters: saved filters by name.
        rules: rules of the watch by name.
        keys: names of the screen's actions, each to its keys, separated by blanks; empty for none.
        saved_file: where filters are saved on the screen; None where nothing was loaded.
        origins: `table.key` to `default`, a file's path, the environment variable's name or `command line`.
        cautions: what its user should know about who may change the file.
    """

    collector: CollectorConfig = CollectorConfig()
    store: StoreConfig = StoreConfig()
    elements: ElementsConfig = ElementsConfig()
    geo: GeoConfig = GeoConfig()
    kafka: KafkaConfig = KafkaConfig()
    lake: LakeConfig = LakeConfig()
    watch: WatchConfig = WatchConfig()
    ui: UiConfig = UiConfig()
    filters: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    saved_file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    def table(self) -> list[tuple[str, Any, str]]:
        """Name, value and origin of every key, in order of declaration."""
        rows = []
        for name, part in _PARTS.items():
            values = getattr(self, name)
            for key in fields(part):
                dotted = f"{name}.{key.name}"
                rows.append((dotted, getattr(values, key.name), self.origins.get(dotted, "default")))
        for table in _NAMED:
            for name, text in getattr(self, table).items():
                rows.append((f"{table}.{name}", text, self.origins[f"{table}.{name}"]))
        return rows


_PARTS: dict[str, type[Any]] = {
    "collector": CollectorConfig,
    "store": StoreConfig,
    "elements": ElementsConfig,
    "geo": GeoConfig,
    "kafka": KafkaConfig,
    "lake": LakeConfig,
    "watch": WatchConfig,
    "ui": UiConfig,
}

_NAMED = ("filters", "rules", "keys")
"""Tables whose keys are names of filters, rules or the screen's actions, and whose values are texts."""
_NAME = re.compile(r"\w+\.(?!include$)[\w.-]+")


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    typed: Mapping[str, object] | None = None,
) -> Config:
    """Merge all sources.

    Args:
        file: configuration file, which must exist; None for `default_file`, which need not.
        environ: environment, None for the process's own.
        typed: `table.key` to value for options that the user typed; None values count as not typed.

    Raises:
        ConfigError: unknown name, wrong type, value out of range, unreadable file.
        PermissionDenied: everybody may write the file.
    """
    doubts: list[str] = []
    saved = (file or default_file()).with_name(saved_filters.FILE)
    merged: dict[str, tuple[object, str]] = {
        f"filters.{name}": (text, str(saved)) for name, text in saved_filters.read(saved).items()
    }
    if file is not None or default_file().exists():
        path = file or default_file()
        merged.update((name, (value, str(path))) for name, value in _read_file(path, doubts).items())
    merged.update(_read_environment(os.environ if environ is None else environ))
    for name, value in (typed or {}).items():
        if value is not None:
            _known(name, "command line")
            merged[name] = (_typed_value(name, value, "command line"), "command line")
    parts = {}
    for table, part in _PARTS.items():
        chosen = {name.split(".")[1]: value for name, (value, _) in merged.items() if name.split(".")[0] == table}
        parts[table] = part(**chosen)
    named: dict[str, Any] = {
        table: {
            name.partition(".")[2]: str(value) for name, (value, _) in merged.items() if name.startswith(table + ".")
        }
        for table in _NAMED
    }
    origins = {name: origin for name, (_, origin) in merged.items()}
    return Config(**parts, **named, saved_file=saved, origins=origins, cautions=tuple(doubts))


def _read_file(path: Path, doubts: list[str]) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            doubts += cautions(path, file.fileno())
            text = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    values: dict[str, object] = {}
    for table, content in parse_toml(text, str(path)).items():
        if table not in {*_PARTS, *_NAMED}:
            raise ConfigError(f"{path}: unknown table [{table}]{_nearest(table, [*_PARTS, *_NAMED])}")
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: {table} must be a table, [{table}]")
        for key, value in content.items():
            name = f"{table}.{key}"
            if table in _NAMED:
                values[name] = _named_text(name, value, str(path))
                continue
            _known(name, str(path))
            values[name] = _typed_value(name, value, str(path))
    return values


def _named_text(name: str, value: object, origin: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{origin}: {name}: the name of a {name.partition('.')[0][:-1]} has letters, digits, _, - and . only"
        )
    if not isinstance(value, str):
        raise ConfigError(f"{origin}: {name} must be a text, not {value!r}")
    return value


def _read_environment(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    values: dict[str, tuple[object, str]] = {}
    for variable, text in environ.items():
        table, _, key = variable.removeprefix("NFTUI_").lower().partition("_")
        if not variable.startswith("NFTUI_") or table not in _PARTS:
            continue
        name = f"{table}.{key}"
        _known(name, variable)
        values[name] = (_typed_value(name, _from_text(name, text, variable), variable), variable)
    return values


def _hint(name: str) -> Any:
    table, key = name.split(".")
    return get_type_hints(_PARTS[table])[key]


def _known(name: str, origin: str) -> None:
    table, _, key = name.partition(".")
    names = [item.name for item in fields(_PARTS[table])] if table in _PARTS else []
    if key not in names:
        raise ConfigError(f"{origin}: unknown key {name}{_nearest(key, names)}")


def _nearest(word: str, known: Mapping[str, object] | list[str]) -> str:
    match = nearest(word, known, 0.5)
    return f", did you mean {match}?" if match else f"; known are {', '.join(known)}"


def _from_text(name: str, text: str, origin: str) -> object:
    """Value of an environment variable; several values are separated by blanks."""
    if _hint(name) is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{origin}: {name} must be a whole number, not {text!r}") from None
    if _hint(name) is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text if _hint(name) is str else tuple(text.split())


def _typed_value(name: str, value: object, origin: str) -> object:
    hint = _hint(name)
    if hint in (str, bool) and isinstance(value, hint):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        table, key = name.split(".")
        bounds = next(item.metadata for item in fields(_PARTS[table]) if item.name == key)
        if not bounds["low"] <= value <= bounds["high"]:
            raise ConfigError(f"{origin}: {name} must be {bounds['low']} to {bounds['high']}, not {value}")
        return value
    if hint not in (str, int, bool) and isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
        return tuple(value)
    word = {str: "a text", int: "a whole number", bool: "true or false"}.get(hint, "a list of texts")
    raise ConfigError(f"{origin}: {name} must be {word}, not {value!r}")
