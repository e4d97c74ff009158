"""Words that the pages about exporters share."""

from __future__ import annotations

from datetime import UTC, datetime

VERSIONS = {10: "IPFIX", 20: "sFlow"}
VARIABLE = 65535


def version(number: int) -> str:
    """`v5`, `v9`, `IPFIX` or `sFlow`."""
    return VERSIONS.get(number, f"v{number}")


def ago(ms: int) -> str:
    """A time in the past in three or four characters."""
    seconds = max(0, ms) / 1000
    if seconds < 2:
        return "now"
    return (
        f"{seconds:.0f}s" if seconds < 100 else f"{seconds / 60:.0f}m" if seconds < 6000 else f"{seconds / 3600:.0f}h"
    )


def clock(ms: int, seconds: bool = True) -> str:
    """Local time of day."""
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone()
    return f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"


def moment(ms: int) -> str:
    """Local date and time of day."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
