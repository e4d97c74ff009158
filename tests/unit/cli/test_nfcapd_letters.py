"""What someone is told who pastes an nfcapd command line, and limits of the store on the command line."""

import pytest

from nftui.cli import collect
from nftui.cli.main import run
from nftui.cli.nfcapd_letters import LETTERS
from nftui.engine.upkeep import chores

REFUSED = sorted(letter for letter, meaning in LETTERS.items() if meaning.refused)


@pytest.fixture
def started(monkeypatch):
    """Configurations with which the collector would have started."""
    configs = []
    monkeypatch.setattr(collect, "_run", lambda config, *_: configs.append(config) or 0)
    return configs


def test_letters_that_change_nothing_are_taken_with_a_note(started, capsys):
    line = "-w /data/gw1 -S 1 -z -T all -p 9995 -4 -v -I gw1 -t 60 -B 200000"
    assert run(["collect", *line.split()]) == 0
    assert started[0].store.path == "/data/gw1"
    assert (started[0].store.ident, started[0].store.rotate) == ("gw1", 60)
    assert started[0].collector.listen == ("[::]:9995",)
    assert started[0].collector.receive_buffer == 200_000
    told = capsys.readouterr().err.splitlines()
    assert sorted(line.split()[2] for line in told) == ["-4", "-S", "-T", "-v", "-z"]
    assert "nftui: nfcapd's -S changes nothing: a store has its directories by itself, by date in UTC" in told


@pytest.mark.parametrize("letter", REFUSED)
def test_letters_whose_effect_would_be_missed_are_refused_with_what_to_type(started, capsys, letter):
    value = ["value"] if LETTERS[letter].value else []
    assert run(["collect", "-w", "/data", letter, *value]) == 2
    assert capsys.readouterr().err == f"nftui: nfcapd's {letter} is not taken: {LETTERS[letter].text}\n"
    assert not started


def test_the_compression_of_newer_versions_is_taken(started):
    assert run(["collect", "-z=lz4", "-l", "/data"]) == 0
    assert started[0].store.path == "/data"


def test_expiry_names_the_options_for_it(started, capsys):
    run(["collect", "-e", "-w", "/data"])
    assert "--expire-size 100G --expire-age 8w" in capsys.readouterr().err


def test_the_w_of_nfcapd_1_6_is_not_mistaken_for_a_directory(started, capsys):
    assert run(["collect", "-w", "-D", "-l", "/data"]) == 2
    assert "leave nfcapd 1.6's -w out" in capsys.readouterr().err
    assert not started


def test_a_source_with_a_directory_is_told_where_it_goes(tmp_path, capsys):
    assert run(["collect", "-n", "gw1,192.0.2.1,/data/gw1", "-l", str(tmp_path), "-p", "127.0.0.1:1"]) == 2
    assert "type -n gw1,192.0.2.1, and the directory once, with -l" in capsys.readouterr().err


def test_limits_of_the_store_become_the_chore_that_expires(started, tmp_path):
    run(["collect", "-l", str(tmp_path), "--expire-size", "100G", "--expire-age", "8w"])
    (chore,) = (found for found in chores(tmp_path, started[0].store) if found.counter == "expiries")
    command = " ".join(chore.command)
    assert " expire --background -s 100G -t 8w -w 95 " in command
    assert command.endswith(f" -e {tmp_path}")
    assert started[0].origins["store.expire_size"] == "command line"


def test_a_limit_that_is_none_is_an_error_at_the_start(tmp_path, capsys):
    assert run(["collect", "-l", str(tmp_path), "--expire-size", "5X", "-p", "127.0.0.1:1"]) == 2
    assert "size '5X'" in capsys.readouterr().err
