"""The container's recipe, instruction by instruction: no root, nothing fetched but packages, only what it needs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from nftui.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "contrib" / "Dockerfile"


def stages() -> list[list[tuple[str, str]]]:
    """Instructions and their arguments, by stage."""
    text = re.sub(r"\\\n", " ", "\n".join(line for line in RECIPE.read_text().splitlines() if not line.startswith("#")))
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest.strip()))
    return found


def argument(stage: list[tuple[str, str]], word: str) -> str:
    (found,) = [rest for name, rest in stage if name == word]
    return found


def test_two_stages_on_a_small_named_base() -> None:
    build, final = stages()
    assert argument(build, "FROM") == argument(final, "FROM") + " AS build"
    assert re.fullmatch(r"python:3\.1[1-9]-slim-bookworm", argument(final, "FROM"))


def test_nobody_is_root_when_it_runs() -> None:
    _, final = stages()
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", argument(final, "USER"))
    order = [word for word, _ in final]
    assert order.index("USER") > max(place for place, word in enumerate(order) if word in {"RUN", "COPY"})
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_only_what_is_needed_is_copied_and_nothing_is_fetched_by_hand() -> None:
    build, final = stages()
    assert [rest for word, rest in final if word == "COPY"] == ["--from=build /opt/nftui /opt/nftui"]
    copied = {word for name, rest in build if name == "COPY" for word in shlex.split(rest)[:-1]}
    assert copied == {"pyproject.toml", "README.md", "LICENSE", "nftui"}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (RECIPE.parent / "Dockerfile.dockerignore").read_text().split()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert ignored[0] == "*"
    for word, rest in build + final:
        assert word != "ADD"
        assert not re.search(r"curl|wget|https?:|sudo|chmod 777", rest)


def test_commands_are_commands_of_nftui() -> None:
    from nftui.cli.collect import collect
    from nftui.cli.ctl import ctl

    _, final = stages()
    assert json.loads(argument(final, "ENTRYPOINT")) == ["nftui"]
    command, *options = json.loads(argument(final, "CMD"))
    assert command == "collect"
    assert command in COMMANDS
    collect.make_context(command, list(options))
    check = argument(final, "HEALTHCHECK").partition("CMD ")[2]
    program, word, *options = json.loads(check)
    assert (program, word, options[-1]) == ("nftui", "ctl", "health")
    ctl.make_context(word, list(options))
    assert argument(final, "VOLUME") == "/var/lib/nftui"
