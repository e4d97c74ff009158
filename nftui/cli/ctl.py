"""`nftui ctl`: softflowctl's place, for probes, and a way to ask a collector how it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nftui.errors import BackendError, UsageError

COLLECTOR_WORDS = ("health", "exporters", "templates", "interfaces", "refused", "forward", "watch", "metrics", "config")
ABOUT_WORDS = ("losses", "rejected", "advice", "allow", "refuse")
"""Words that are followed by an exporter's address or, for the last two, a network."""

EPILOG = """\b
A probe answers to softflowctl's words, in its layout:
  statistics dump-flows timeouts expire-all delete-all send-template
  start-gather stop-gather debug+ debug- shutdown exit help
A collector answers to:
  health exporters templates interfaces refused forward watch metrics config
  losses ADDRESS      its last minutes: missing, reordered, sent twice, kernel drops
  rejected [ADDRESS]  datagrams that could not be decoded, with their bytes
  advice [ADDRESS]    what is wrong with exporters, and what to do
  allow CIDR, refuse CIDR   who may send from now on

\b
Examples:
  nftui ctl statistics
  nftui ctl -c /run/probe.ctl dump-flows
  nftui ctl --json statistics | jq .captures
  nftui ctl -l /var/lib/nftui health
  nftui ctl metrics                              as OpenMetrics text
  nftui ctl advice
  nftui ctl allow 203.0.113.0/24
"""


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": False})
@click.option("-c", "--ctl", "control", metavar="SOCKET", help="Control socket. [where a probe of this user listens]")
@click.option("-l", "--store", metavar="DIR", help="Ask the collector of this store.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
@click.option("--show", is_flag=True, hidden=True)
@click.argument("word")
@click.argument("of", default="", metavar="[ADDRESS]")
def ctl(control: str | None, store: str | None, as_json: bool, show: bool, word: str, of: str) -> int:
    """Control a probe, or ask a collector."""
    del show  # `config --show` reads well; showing is all that can be done
    from nftui.probe.commands import WORDS

    known = (*WORDS, *COLLECTOR_WORDS, *ABOUT_WORDS)
    if word not in known:
        raise UsageError(f"unknown control word {word!r}; known are {', '.join(known)}")
    if of and word not in ABOUT_WORDS:
        raise UsageError(f"{word} is about no single exporter: {of} is one word too many")
    path = _socket(control, store, word)
    answer = _ask_about(path, word, of, as_json) if word in ABOUT_WORDS else _ask(path, word)
    if isinstance(answer, str) and not as_json:
        click.echo(answer, nl=False)
    elif isinstance(answer, dict) and set(answer) == {"text", "data"}:
        click.echo(json.dumps(answer["data"]) if as_json else answer["text"], nl=as_json)
    else:
        click.echo(json.dumps(answer, indent=None if as_json else 2))
    return 0


def _ask(path: Path, word: str) -> Any:
    """A probe's or collector's answer; templates and interfaces are parts of what a collector knows of exporters."""
    from nftui.engine.control import ask

    if word not in COLLECTOR_WORDS:
        try:
            return ask(path, word)
        except BackendError as error:
            raise BackendError(str(error).replace("collector", "probe")) from error
    if word not in {"templates", "interfaces"}:
        return ask(path, word)
    known = ("address", "port", word, "missing") if word == "templates" else ("address", "port", word)
    return [{name: value for name, value in item.items() if name in known} for item in ask(path, "exporters")]


def _ask_about(path: Path, word: str, of: str, as_json: bool) -> Any:
    """A collector's answer about an exporter or a network; advice is made here, of what it answers."""
    from nftui.engine.control import ask

    if word != "advice":
        if not of and word != "rejected":
            raise UsageError(f"{word} needs an address")
        answer = ask(path, word, of=of)
        return answer if answer is not None else f"{of}: done\n"
    from dataclasses import asdict

    from nftui.cli.advice import advice_of, advice_text

    found = advice_of(path, of)
    return {name: [asdict(item) for item in items] for name, items in found} if as_json else advice_text(found)


def _socket(control: str | None, store: str | None, word: str) -> Path:
    from nftui.cli.probe import default_control
    from nftui.engine.control import socket_path

    if control:
        return Path(control)
    if store:
        return socket_path(Path(store))
    if word in (*COLLECTOR_WORDS, *ABOUT_WORDS):
        from nftui.config import load

        return socket_path(load().store.root)
    return default_control()
