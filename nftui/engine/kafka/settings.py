"""What librdkafka is told: the configuration's brokers, what nftui wants of it, and the user's own settings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nftui.config import KafkaConfig
from nftui.engine.kafka.messages import FORMS, Form
from nftui.errors import ConfigError

_GIVEN_UP_MS = 300_000
"""A message that no broker took for so long is counted as failed."""
_LOOK_MS = 2000
"""Longest pause between attempts to reach a broker that is away."""


def client_settings(config: KafkaConfig, form: Form, on_error: Callable[[Any], None]) -> dict[str, Any]:
    """Settings of a producer.

    Raises:
        ConfigError: there is no topic, or the file of settings is not understood.
    """
    if not config.topic:
        raise ConfigError("kafka.topic is empty")
    return {
        "bootstrap.servers": ",".join(config.brokers), "client.id": "nftui", "enable.idempotence": True,
        # Arrow messages are compressed within.
        "compression.type": "none" if form == "arrow" else "zstd", "linger.ms": 50,
        "message.timeout.ms": _GIVEN_UP_MS, "reconnect.backoff.max.ms": _LOOK_MS, "error_cb": on_error,
        "logger": _silent(), **read_settings(config.settings),
    }  # fmt: skip


def read_form(name: str) -> Form:
    """The form of messages of that name.

    Raises:
        ConfigError: there is none.
    """
    for form in FORMS:
        if form == name:
            return form
    raise ConfigError(f"kafka.format: {name!r} is neither {' nor '.join(FORMS)}")


def read_settings(path: str) -> dict[str, str]:
    """Further settings of librdkafka, one `name=value` a line, such as those of TLS and SASL.

    Raises:
        ConfigError: the file cannot be read, others may read or write it, or a line is no setting.
    """
    if not path:
        return {}
    file = Path(path).expanduser()
    try:
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: it may hold passwords: chmod 600 {path}")
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, mark, value = line.partition("=")
        if not mark:
            raise ConfigError(f"{path} line {number}: not name=value")
        found[name.strip()] = value.strip()
    return found


def _silent() -> logging.Logger:
    """What librdkafka itself says goes nowhere: a screen may be on the terminal, and errors are told by `problem`."""
    logger = logging.getLogger("nftui.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
