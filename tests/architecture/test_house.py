"""The house rules that a machine can check, beside import-linter's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "nftui").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    if "generated" in path.read_text().partition("\n")[0]:
        pytest.skip("a generated table")
    assert len(path.read_text().splitlines()) <= 700


def loaded_by(*arguments: str) -> set[str]:
    """Modules that a run of the program loads."""
    code = (
        "import sys, contextlib, io\n"
        "from nftui.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    with contextlib.suppress(SystemExit):\n"
        f"        run({list(arguments)!r})\n"
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_help_costs_what_python_costs() -> None:
    assert not loaded_by("--help") & {"textual", "rich", "numpy", "pyarrow", "duckdb", "scapy"}


def test_dump_never_loads_the_screen(tmp_path: Path) -> None:
    assert not loaded_by("dump", "-r", str(tmp_path)) & {"textual", "scapy"}


def test_ioc_never_loads_the_screen(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("203.0.113.7\n")
    loaded = loaded_by("ioc", "-r", str(tmp_path), str(tmp_path / "list"))
    assert "duckdb" in loaded
    assert not loaded & {"textual", "scapy"}


def test_collect_never_loads_the_screen() -> None:
    assert not loaded_by("collect", "--help") & {"textual", "rich"}


def commands() -> list[str]:
    from nftui.cli.main import COMMANDS

    return sorted(COMMANDS)


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in commands() if f"nftui {name}" not in readme] == []


def test_every_counter_is_documented() -> None:
    documented = (ROOT / "docs" / "counters.md").read_text()
    used = set()
    for path in SOURCES:
        used.update(
            re.findall(
                r'"((?:datagrams|records|flows|sets|templates|sequence|times|fields|kernel)\.[a-z_.]+)"',
                path.read_text(),
            )
        )
    assert sorted(name for name in used if name not in documented) == []


def test_no_file_names_a_place_outside_the_project() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".sh", ""} and path.is_file() and path != Path(__file__):
            assert "/work/" not in path.read_text(errors="replace"), name


def test_security_lists_the_limits_in_force() -> None:
    from nftui.engine.limits import DEFAULT

    text = (ROOT / "SECURITY.md").read_text()
    assert [name for name, value in DEFAULT.table() if f"| `{name}` | {value} |" not in text] == []
