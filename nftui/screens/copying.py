"""Actions of the live screen: the state of the screen as a command line, and a row as JSON, for the clipboard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from textual.app import App

from nftui.screens.asking import AskingBoard
from nftui.screens.dump_command import dump_command, stored_paths
from nftui.widgets.text_dialog import TextDialog

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveSnapshot

_WINDOW_SECONDS = 30.0


class Copying(AskingBoard):
    """What is sent to the terminal for its clipboard: by OSC 52, which nobody confirms, so the text is shown too."""

    def action_copy_command(self) -> None:
        """The `nftui dump` command line for what is shown."""
        place, snapshot = self.trail.place, self.snapshot
        if self.curtain.drawn:
            self.notify("The command would name real addresses: press a first.", markup=False)
            return
        seconds = snapshot.window_seconds if snapshot is not None else _WINDOW_SECONDS
        command = dump_command(
            place, stored_paths(self.health.store_root if self.health is not None else ""),
            snapshot.sort if snapshot is not None else place.sort, max(1, self.table.visible_rows),
            not self.unscaled, seconds,
        )  # fmt: skip
        about = "the same for the past"
        if place.within is None:
            about = "the live window moves on, and its rates are of flows as they arrive"
        elif place.view == "interface":
            about = "interfaces of one number are added up over all exporters"
        send(self.app, command, f"Command line ({about})")

    def action_copy_row(self) -> None:
        """The row under the cursor as JSON."""
        snapshot, row = self.snapshot, self.table.data.index(self.table.cursor_row)
        if snapshot is None or row is None:
            return
        record = row_record(snapshot, row)
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        send(self.app, self.curtain.text(text), "Row")


def send(app: App[object], text: str, title: str) -> None:
    """Send a text to the terminal and show it."""
    app.copy_to_clipboard(text)
    app.push_screen(TextDialog(f"{title}: sent to the terminal for its clipboard", text))


def row_record(snapshot: LiveSnapshot, row: int) -> dict[str, Any]:
    """Values of a row by column; what the flows do not have is left out."""
    record = {}
    for column in snapshot.columns:
        values = snapshot.values.get(column.name)
        if values is None:
            continue
        value = values[row] if isinstance(values, list) else values[row].item()
        if value != "-" and value == value:  # noqa: PLR0124  not a number
            record[column.name] = round(value, 3) if isinstance(value, float) else value
    return record
