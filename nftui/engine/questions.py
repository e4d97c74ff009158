"""What an engine answers over its control socket: a question's name, and who knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nftui.config import Config
    from nftui.engine.engine import Engine
    from nftui.engine.ingest.intake import Intake


def answerers(engine: Engine, intake: Intake, config: Config) -> dict[str, Callable[[], Any]]:
    """Questions without an argument."""
    return {
        "health": lambda: asdict(engine.health()),
        "exporters": lambda: [asdict(exporter) for exporter in engine.exporters()],
        "metrics": engine.metrics,
        "forward": intake.forwarded,
        "refused": lambda: [asdict(refused) for refused in engine.refused()],
        "watch": lambda: asdict(engine.watch()),
        "settings": engine.settings,
        "config": lambda: [list(row) for row in config.table()],
    }


def advisers(engine: Engine) -> dict[str, Callable[[str], Any]]:
    """Questions about an address, and orders about one."""
    return {
        "losses": lambda address: asdict(engine.losses(address)),
        "rejected": lambda address: [asdict(item) for item in engine.rejected(address)],
        "allow": engine.allow,
        "refuse": engine.refuse,
    }
