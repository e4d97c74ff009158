"""What the screen's options for a lake and a cluster open."""

from __future__ import annotations

from pathlib import Path

import pytest

from nftui.cli.tui import lake_past
from nftui.errors import BackendError, UsageError


def test_without_a_lake_the_store_is_asked() -> None:
    assert lake_past(None, (), None, False) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("/lake", (), None, False), "goes with --backend"),
        ((None, (), "sc://h", False), "--backend goes with --lake"),
        ((None, ("bern",), None, False), "--site goes with --lake"),
        (("/lake", (), "sc://h", True), "--replay shows recordings"),
        (("/lake", ("Bern",), "sc://h", False), "site 'Bern'"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: tuple[str | None, tuple[str, ...], str | None, bool], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        lake_past(*arguments)


def test_a_cluster_that_is_away_is_told_by_each_question_and_not_before(tmp_path: Path) -> None:
    pytest.importorskip("sqlglot", reason="the extra spark is not installed")
    (tmp_path / "date=2026-11-21").mkdir()
    opened = lake_past(str(tmp_path), (), "sc://127.0.0.1:1", False)
    assert opened is not None
    past = opened()
    for _ in range(2):
        with pytest.raises(BackendError, match="cannot be reached: connection refused"):
            past.extent()
    past.close()
