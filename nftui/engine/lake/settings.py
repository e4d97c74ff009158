"""The configuration of a lake, understood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nftui.config import LakeConfig
from nftui.engine.lake.place import Place, check_site, parse_place
from nftui.engine.store.retention import parse_policy
from nftui.errors import ConfigError, UsageError


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """Where a store's files go.

    Attributes:
        place: the lake.
        site: name of the store's part.
        keep_ms: age of a slot from which on its flows are removed there; None for never.
    """

    place: Place
    site: str
    keep_ms: int | None


def read_settings(config: LakeConfig, store: Path) -> LakeSettings:
    """What a configuration with a lake says.

    Raises:
        ConfigError: it is not understood, or the lake lies in the store itself.
    """
    if not config.site:
        raise ConfigError("lake.site is empty: each collector that writes to a lake needs a name of its own")
    try:
        place = parse_place(config.uri)
        settings = LakeSettings(place, check_site(config.site), parse_policy(age=config.keep).most_age_ms)
    except UsageError as error:
        raise ConfigError(f"[lake] {error}") from error
    own = store.resolve()
    if not place.remote and own in {Path(place.root).resolve(), *Path(place.root).resolve().parents}:
        raise ConfigError(f"[lake] {place.label}: the lake cannot lie in the store {store}")
    return settings
