"""`nftui upload`: the finished files of a store go to a lake, where those of other sites are, too."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click

from nftui.cli.diagnostics import say

_LOWEST = 19

EPILOG = """\b
Examples:
  nftui upload -l /var/lib/nftui --lake /mnt/lake --site zurich
  nftui upload -l /var/lib/nftui --site zurich --lake 's3://flows/lake?region=eu-central-1'

Files that are in the lake already are not sent again. A collector with a table [lake] in its configuration does this
by itself, see docs/lake.md. Keys of S3 come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or ~/.aws.
"""


@click.command(epilog=EPILOG)
@click.option("-l", "--store", metavar="DIR", help="The store. [the one of the configuration]")
@click.option("--lake", metavar="URI", help="/path, file:///path or s3://bucket/prefix. [of the configuration]")
@click.option("--site", metavar="NAME", help="The store's name in the lake. [of the configuration]")
@click.option("--keep", metavar="AGE", help="Remove older flows of this site from the lake: 26w. [never]")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration file.")
@click.option("--background", is_flag=True, hidden=True, help="For the collector: lowest priority, reports as JSON.")
def upload(
    store: str | None, lake: str | None, site: str | None, keep: str | None, config: Path | None, background: bool
) -> int:
    """Copy the finished files of a store to a lake."""
    from nftui import config as configuration
    from nftui.engine.lake.settings import read_settings
    from nftui.engine.query.sources import is_store
    from nftui.errors import StoreError, UsageError

    # An upload that is ended by a signal must not come as far as closing its stream: see `nftui.engine.lake.bucket`.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    typed = {"store.path": store, "lake.uri": lake, "lake.site": site, "lake.keep": keep}
    if background:
        os.nice(_LOWEST)
        given = configuration.LakeConfig(
            *(os.environ[f"NFTUI_LAKE_{name}"] for name in ("URI", "SITE", "KEEP", "CACHE"))
        )
        root = Path(store or "")
    else:
        loaded = configuration.load(config, typed=typed)
        given, root = loaded.lake, loaded.store.root
    if not given.uri:
        raise UsageError("no lake: give --lake, or lake.uri in the configuration")
    settings = read_settings(given, root)
    if not is_store(str(root)):
        raise StoreError(f"no store at {root}")
    return _Run(background).upload(root, settings)


class _Run:
    """One upload, told as lines of JSON to the collector or in words to people."""

    def __init__(self, background: bool) -> None:
        self._background = background
        self._counts: dict[str, int] = {}

    def upload(self, root: Path, settings: object) -> int:
        """Bring what is waiting; the exit code."""
        from nftui.engine.lake.files import cause, explained, open_files
        from nftui.engine.lake.settings import LakeSettings
        from nftui.engine.lake.upload import Upload
        from nftui.engine.store.lock import StoreLock
        from nftui.errors import BackendError, PartialAnswer

        assert isinstance(settings, LakeSettings)
        lock = StoreLock(root, ".lake.lock")
        place = settings.place
        try:
            run = Upload(
                root, place, settings.site, open_files(place), settings.keep_ms, self._report, lambda: self._write({})
            )
            run.run(time.time_ns() // 1_000_000)
        except OSError as error:
            self._write({"failed": cause(error), "error": explained(place, error)})
            if self._background:
                return BackendError.exit_code
            raise BackendError(explained(place, error)) from error
        finally:
            lock.release()
        if not self._background:
            found = self._counts
            sent, octets = found.get("lake.uploaded", 0), found.get("lake.uploaded_bytes", 0)
            more = f", {found['lake.present']} were there" if "lake.present" in found else ""
            say(f"nftui: {sent} files, {octets} bytes to {place.label}, site {settings.site}{more}")
            return PartialAnswer.exit_code if "lake.failed.damaged" in found else 0
        return 0

    def _report(self, counts: dict[str, int]) -> None:
        for name, amount in counts.items():
            self._counts[name] = self._counts.get(name, 0) + amount
        self._write(counts)

    def _write(self, said: Mapping[str, object]) -> None:
        """Tell the collector. If it is gone this process ends at once, as if it were killed: the next one goes on."""
        if self._background:
            try:
                sys.stdout.write(json.dumps(said) + "\n")
                sys.stdout.flush()
            except OSError:
                os._exit(1)
