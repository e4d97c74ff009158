"""`nftui dump` of a lake in a directory, and `nftui upload`."""

import json
import os

import pytest
from lakes import bring, compact, write_slots

from nftui.cli.main import run
from nftui.engine.lake.place import parse_place


@pytest.fixture
def lake(tmp_path):
    """Two sites: a with 240 flows of which an hour is compacted, b with 120."""
    root = tmp_path / "lake"
    root.mkdir()
    for site, first, slots in (("a", 0, 4), ("b", 5000, 2)):
        write_slots(tmp_path / site, first, slots)
    compact(tmp_path / "a")
    for site in ("a", "b"):
        bring(tmp_path / site, parse_place(str(root)), site)
    return root


def flows(capsys, *arguments: str) -> int:
    assert run(["dump", *arguments, "-I"]) == 0
    return int(dict(line.split(": ") for line in capsys.readouterr().out.splitlines())["Flows"])


def test_all_sites_or_those_that_are_named(lake, capsys):
    assert flows(capsys, "--lake", str(lake)) == 360
    assert flows(capsys, "--lake", f"file://{lake}", "--site", "a") == 240
    assert flows(capsys, "--lake", str(lake), "--site", "b", "--site", "a") == 360
    assert flows(capsys, "-r", str(lake)) == 360
    assert flows(capsys, "-R", str(lake)) == 360
    assert flows(capsys, "--lake", str(lake / "site=b")) == 120


def test_readers_of_a_lake_count_once_while_parts_and_their_compacted_file_are_there(lake, tmp_path, capsys):
    aside = lake / "site=a/_tmp"
    for part in aside.glob("*.replaced"):
        os.link(part, lake / "site=a/date=2026-11-21/hour=12" / f"{part.stem}.parquet")
    assert flows(capsys, "--lake", str(lake)) == 360


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--site", "c"], "no site c; there are: a, b"),
        (["--site", "../a"], "a name has a-z"),
        (["-r", "x"], "--lake excludes -r"),
    ],
)
def test_what_cannot_be_is_told(lake, capsys, arguments, words):
    assert run(["dump", "--lake", str(lake), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_bucket_among_other_paths_is_told_how_to_be_read(capsys):
    assert run(["dump", "-r", "s3://flows/x?endpoint_override=h"]) == 2
    assert "s3://flows/x: a bucket is read with --lake by nftui dump, ioc and replay" in capsys.readouterr().err


def test_a_lake_that_is_not_there_is_told(tmp_path, capsys):
    assert run(["dump", "--lake", str(tmp_path / "none")]) == 2
    assert "no such directory" in capsys.readouterr().err


def test_upload_says_what_it_did_and_does_it_once(tmp_path, capsys):
    write_slots(tmp_path / "store", 0, 3)
    (tmp_path / "lake").mkdir()
    arguments = ["upload", "-l", str(tmp_path / "store"), "--lake", str(tmp_path / "lake"), "--site", "a"]
    code = os.system(f"{_python()} -m nftui {' '.join(arguments)} 2> {tmp_path}/said")
    assert code == 0
    assert (tmp_path / "said").read_text().startswith("nftui: 3 files, ")
    assert flows(capsys, "--lake", str(tmp_path / "lake")) == 180


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "no lake"),
        (["--lake", "/tmp"], 2, "lake.site is empty"),
        (["--lake", "/tmp", "--site", "A"], 2, "a name has"),
        (["--lake", "{}/none", "--site", "a"], 69, "it is not there"),
        (["--lake", "s3://k:geheim@b", "--site", "a"], 2, "keys belong in AWS_ACCESS_KEY_ID"),
    ],
)
def test_uploads_that_cannot_be_are_told(tmp_path, capsys, monkeypatch, arguments, code, words):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    write_slots(tmp_path / "store", 0, 1)
    options = [argument.format(tmp_path) for argument in arguments]
    assert run(["upload", "-l", str(tmp_path / "store"), *options]) == code
    said = capsys.readouterr().err
    assert words in said
    assert "geheim" not in said


@pytest.mark.parametrize("directory", ["parent", "parent/none"])
def test_what_is_no_store_is_not_taken_for_one_that_has_nothing_new(tmp_path, capsys, monkeypatch, directory):
    """A store's parent, say: nothing would be brought, day after day."""
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "lake").mkdir()
    (tmp_path / "parent").mkdir()
    write_slots(tmp_path / "parent/store", 0, 1)
    options = ["-l", str(tmp_path / directory), "--lake", str(tmp_path / "lake"), "--site", "a"]
    assert run(["upload", *options]) == 73
    assert "nftui: no store at " in capsys.readouterr().err
    assert list((tmp_path / "lake").iterdir()) == []


def test_the_background_tells_its_collector_as_json(tmp_path, capfd, monkeypatch):
    write_slots(tmp_path / "store", 0, 1)
    monkeypatch.setenv("NFTUI_LAKE_URI", str(tmp_path / "none"))
    monkeypatch.setenv("NFTUI_LAKE_SITE", "a")
    monkeypatch.setenv("NFTUI_LAKE_KEEP", "")
    monkeypatch.setenv("NFTUI_LAKE_CACHE", "")
    assert os.waitstatus_to_exitcode(os.system(f"{_python()} -m nftui upload --background -l {tmp_path}/store")) == 69
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert last["failed"] == "missing"
    assert str(tmp_path / "none") in last["error"]


def _python() -> str:
    import sys

    return sys.executable
