"""Writes the list of keys into docs/keys.md: `python tools/key_list.py`."""

from __future__ import annotations

from pathlib import Path

from nftui.screens.action import Action
from nftui.screens.action_table import TITLES, ActionTable

PAGE = Path(__file__).parents[1] / "docs" / "keys.md"
MARK = "<!-- written by tools/key_list.py -->\n"


def key_list() -> str:
    """Markdown: a heading and a table per scope, in the order of the action table."""
    scopes: dict[str, list[Action]] = {}
    for action in ActionTable().actions:
        scopes.setdefault(action.scope, []).append(action)
    parts = []
    for scope, actions in scopes.items():
        title = TITLES.get(scope, f"Keys of every {scope}" if scope != "everywhere" else "Keys that hold everywhere")
        parts.append(f"\n## {title}\n\n| keys | name | what it does |\n| --- | --- | --- |\n")
        for action in actions:
            keys = " ".join(f"`{key}`" for key in action.key_text.replace("|", "\\|").split()) or "-"
            name = f"{action.name} {action.argument}".rstrip()
            doc = action.doc.replace("|", "\\|")
            parts.append(f"| {keys} | `{name}` | {doc}{' Refused by `--read-only`.' if action.changes else ''} |\n")
    return "".join(parts)


def main() -> None:
    """Replace what stands below the mark."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(head + mark + key_list(), encoding="utf-8")


if __name__ == "__main__":
    main()
