"""The pages about faults: every case has its row, every row a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("reliability*.md"))
CASES = [f"A{n}" for n in range(1, 25)] + [f"B{n}" for n in range(1, 16)]
CASES += [f"C{n}" for n in range(1, 12)] + [f"D{n}" for n in range(1, 11)]


def test_every_case_has_a_row() -> None:
    rows = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith("|")]
    missing = [case for case in CASES if not any(re.search(rf"(^\| |\(){case}\b", row) for row in rows)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    paths = set(re.findall(r"\b((?:tests|benchmarks|contrib|fuzz|nftui)/[\w/.*-]*[\w*])", text))
    assert [path for path in sorted(paths) if not list(ROOT.glob(path))] == []
    here = page.parent.parent / "tests" / "faults"
    names = set(re.findall(r"`(test_\w+\.py)`", text))
    assert [name for name in sorted(names) if not (here / name).exists()] == []
