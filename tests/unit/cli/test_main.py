"""The root of the command line: what it loads, and how errors leave it."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from nftui.cli import main
from nftui.errors import FilterError, StoreLocked


@pytest.fixture
def command(monkeypatch):
    """Installs a command `probe-me` with the given body."""

    def _install(body) -> None:
        made = click.Command("probe-me", callback=body)
        monkeypatch.setitem(main.COMMANDS, "probe-me", ("x:x", "Test."))
        monkeypatch.setattr(main, "_load", lambda place: made if place == "x:x" else click.Command("tui"))

    return _install


def raising(error: BaseException):
    def _body() -> None:
        raise error

    return _body


def test_an_error_is_one_line_and_its_code(command, capsys):
    command(raising(StoreLocked("store /s is written by pid 7\x1b[2J")))
    assert main.run(["probe-me"]) == 73
    assert capsys.readouterr() == ("", "nftui: store /s is written by pid 7[2J\n")


def test_a_bad_filter_shows_the_place_and_a_suggestion(command, capsys):
    command(raising(FilterError("unknown word", "tcp and prot 80", 8, 4, ("port", "proto"), "port")))
    assert main.run(["probe-me"]) == 65
    assert capsys.readouterr().err == (
        "nftui: unknown word\ntcp and prot 80\n        ^^^^\nexpected port, proto\ndid you mean port?\n"
    )


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (click.Abort(), 130)])
def test_interruption(command, capsys, error, code):
    command(raising(error))
    assert main.run(["probe-me"]) == code
    assert capsys.readouterr().err == ""


def test_a_command_gives_the_exit_code(command):
    command(lambda: 3)
    assert main.run(["probe-me"]) == 3
    command(lambda: None)
    assert main.run(["probe-me"]) == 0


def test_unknown_command_names_the_nearest(capsys):
    assert main.run(["colect"]) == 2
    assert capsys.readouterr().err == "nftui: no command 'colect'; did you mean collect? (nftui --help)\n"


def test_unknown_option_is_one_line(capsys):
    assert main.run(["collect", "--rotat", "5"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "--rotate" in err


def test_options_of_the_screen_do_not_go_before_a_command(capsys):
    assert main.run(["--store", "x", "collect"]) == 2
    assert "--store belongs after the command" in capsys.readouterr().err


def test_version(capsys):
    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("nftui, version ")


def test_help_lists_commands_and_the_options_of_the_screen(capsys):
    assert main.run(["--help"]) == 0
    out = capsys.readouterr().out
    for name in main.COMMANDS:
        assert f"  {name} " in out
    assert "--store" in out


def test_reader_that_went_away_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -c 'import sys; from nftui.cli.main import run; sys.exit(run([\"--help\"]))' | true; "
        "echo ${PIPESTATUS[0]}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=Path(main.__file__).parents[2],
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "0"
