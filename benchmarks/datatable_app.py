"""The live table as one would write it with Textual's DataTable, for `tui_latency.py` to measure beside nftui's.

    python benchmarks/datatable_app.py --store DIR --listen 127.0.0.1:9995

The same engine, the same question twice a second, the first 200 rows and the same columns; rows are replaced as a
whole, and the cursor is put back onto its row.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Static

from nftui.config import CollectorConfig, Config, StoreConfig
from nftui.engine.engine import Engine
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.text import compact

_ROWS = 200


class DataTableApp(App[None]):
    """Hosts by traffic."""

    CSS = "DataTable { height: 1fr; } Static { height: 1; }"
    BINDINGS = [("q", "quit"), ("j", "down"), ("k", "up")]  # noqa: RUF012

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._pool = ThreadPoolExecutor(1)

    def compose(self) -> ComposeResult:
        """A line and the table."""
        yield Static("hosts")
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Ask twice a second."""
        self.set_interval(0.5, lambda: self.run_worker(self._refresh(), exclusive=True))

    async def _refresh(self) -> None:
        import asyncio

        request = LiveRequest(limit=_ROWS)
        snapshot = await asyncio.get_running_loop().run_in_executor(self._pool, lambda: self._engine.snapshot(request))
        self._show(snapshot)

    def _show(self, snapshot: LiveSnapshot) -> None:
        table = self.query_one(DataTable)
        names = [column.name for column in snapshot.columns]
        if not table.columns:
            table.add_columns(*(column.title for column in snapshot.columns))
        row = table.cursor_row
        table.clear()
        for index in range(len(snapshot)):
            cells = (snapshot.values[name][index] for name in names)
            table.add_row(*(compact(float(c)) if isinstance(c, float) else str(c) for c in cells))
        table.move_cursor(row=row, animate=False)
        self.query_one(Static).update(f"hosts {snapshot.total.matched.flows} flows")

    def action_down(self) -> None:
        """The next row."""
        self.query_one(DataTable).action_cursor_down()

    def action_up(self) -> None:
        """The row before."""
        self.query_one(DataTable).action_cursor_up()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--listen", required=True)
    options = parser.parse_args()
    engine = Engine(Config(CollectorConfig(listen=(options.listen,)), StoreConfig(path=str(options.store))))
    engine.start()
    try:
        DataTableApp(engine).run()
    finally:
        engine.stop()


if __name__ == "__main__":
    main()
