"""What someone is told who types letters or names of other tools."""

import pytest

from nftui.cli.main import COMMANDS, run
from nftui.cli.peer_words import LETTERS, PROGRAMS


@pytest.mark.parametrize(("command", "letter"), [(name, letter) for name in LETTERS for letter in LETTERS[name]])
def test_a_letter_that_we_lack_is_answered(command, letter, capsys):
    assert run([command, letter, "1"]) == 2
    assert LETTERS[command][letter] in capsys.readouterr().err


def test_an_unknown_option_of_nobody_gets_no_hint(capsys):
    assert run(["expire", "--nothing"]) == 2
    assert capsys.readouterr().err == "nftui: No such option '--nothing'. (nftui expire --help)\n"


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_a_program_is_answered_with_the_command_in_its_place(program, capsys):
    assert PROGRAMS[program].split()[0] in COMMANDS
    assert run([program, "-r", "file"]) == 2
    assert f"no command '{program}'; did you mean {PROGRAMS[program]}?" in capsys.readouterr().err
