"""The probe's side of the control socket: softflowctl's words, answered as text and as data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from nftui.probe.cache import CacheEntry
from nftui.probe.probe import Probe
from nftui.probe.report import flows_text, heading, started, statistics_text, timeouts_text
from nftui.probe.statistics import ProbeStatistics
from nftui.probe.timeouts import reason_name
from nftui.text import address, mac

WORDS = (
    "statistics", "dump-flows", "timeouts", "expire-all", "delete-all", "send-template", "start-gather", "stop-gather",
    "debug+", "debug-", "shutdown", "exit", "help",
)  # fmt: skip
"""softflowctl's commands."""

_HELP = """Valid control words are:
\tdebug+ debug- delete-all dump-flows exit expire-all
\tshutdown start-gather statistics stop-gather timeouts
\tsend-template
"""

Answer = dict[str, Any]
"""`text` as softflowctl prints it, and `data` for `--json`."""


class Commands:
    """Answers to each control word.

    Args:
        probe: what is controlled.
        leave: ends the probe; its argument says whether flows are still exported.
        debug: switches messages about what is done on and off.
    """

    def __init__(self, probe: Probe, leave: Callable[[bool], None], debug: Callable[[bool], None]) -> None:
        self._probe = probe
        self._leave = leave
        self._debug = debug

    def answerers(self) -> dict[str, Callable[[], Answer]]:
        """Control word to the function that carries it out."""
        return {
            "help": lambda: {"text": _HELP, "data": list(WORDS)},
            "statistics": self._statistics,
            "dump-flows": self._dump_flows,
            "timeouts": self._timeouts,
            "expire-all": lambda: _done("Expired {} flows.", self._probe.expire_all()),
            "delete-all": lambda: _done("Deleted {} flows.", self._probe.delete_all()),
            "send-template": self._send_template,
            "start-gather": lambda: self._gather(True),
            "stop-gather": lambda: self._gather(False),
            "debug+": lambda: self._set_debug(True),
            "debug-": lambda: self._set_debug(False),
            "shutdown": lambda: self._end("Shutting down gracefully...", True),
            "exit": lambda: self._end("Exiting now...", False),
        }

    def _statistics(self) -> Answer:
        statistics = self._probe.statistics()
        first = heading(f"Accumulated statistics since {started(statistics)} UTC:", os.getpid())
        return {"text": first + statistics_text(statistics, self._probe.live), "data": statistics_data(statistics)}

    def _dump_flows(self) -> Answer:
        cache = self._probe.cache()
        first = heading("Dumping flow data:", os.getpid())
        return {
            "text": first + flows_text(cache.entries, cache.now_ms // 1000),
            "data": [entry_data(entry) for entry in cache.entries],
        }

    def _timeouts(self) -> Answer:
        timeouts = self._probe.config.timeouts
        first = heading("Printing timeouts:", os.getpid())
        names = {name.replace("_", "."): value for name, value in asdict(timeouts).items()}
        return {"text": first + timeouts_text(timeouts), "data": names}

    def _send_template(self) -> Answer:
        self._probe.resend_templates()
        return _done("Template will be sent at next flow export")

    def _gather(self, on: bool) -> Answer:
        self._probe.gather(on)
        return _done("Data collection resumed." if on else "Data collection stopped.")

    def _set_debug(self, on: bool) -> Answer:
        self._debug(on)
        return _done("Debug level increased." if on else "Debug level decreased.")

    def _end(self, message: str, export: bool) -> Answer:
        self._leave(export)
        return _done(message)


def _done(message: str, *numbers: int) -> Answer:
    text = message.format(*numbers)
    return {"text": heading(text, os.getpid()), "data": {"message": text, "flows": numbers[0] if numbers else None}}


def statistics_data(statistics: ProbeStatistics) -> dict[str, Any]:
    """All counters as JSON values; reasons by their name."""
    data = asdict(statistics)
    data["reasons"] = {reason_name(reason): count for reason, count in statistics.reasons}
    return data


def entry_data(entry: CacheEntry) -> dict[str, Any]:
    """A flow in progress as JSON values."""
    data = asdict(entry)
    data["address"] = [address(value) for value in entry.address]
    data["mac"] = [mac(value) for value in entry.mac]
    data["reason"] = reason_name(entry.reason)
    return data
