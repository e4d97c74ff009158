"""A collector with a lake in a directory: it brings its files, tells what is wrong, and ends in any state."""

from pathlib import Path

from collector_process import PATIENCE_SECONDS, RECORDS, send, v5
from lakes import bring
from loopback_ports import free_port

from nftui.cli.main import run
from nftui.engine.lake.place import parse_place


def options(lake: Path, **more: str) -> dict[str, str]:
    return {"NFTUI_LAKE_URI": str(lake), "NFTUI_LAKE_SITE": "a", "NFTUI_STORE_COMPACT": "false"} | more


def test_finished_files_are_brought_and_the_rest_at_the_next_start(tmp_path, collect, capsys):
    lake = tmp_path / "lake"
    port = free_port()
    one = collect(tmp_path / "store", "-p", f"127.0.0.1:{port}", "-t", "1", environment=options(lake))
    send(port, *(v5(1 + number * RECORDS) for number in range(5)))
    one.wait_until_taken(5)
    one.wait_for(lambda: one.counts().get("lake.failed.missing", 0) >= 1)
    assert any("it is not there" in warning for warning in one.ask("health")["warnings"])
    lake.mkdir()
    one.wait_for(lambda: one.counts().get("lake.uploaded", 0) >= 1 and one.counts()["lake.waiting"] == 0)
    one.wait_for(lambda: not any("lake" in warning for warning in one.ask("health")["warnings"]))
    assert one.stop()[0] == 0
    bring(tmp_path / "store", parse_place(str(lake)))
    assert run(["dump", "--lake", str(lake), "-I"]) == 0
    said = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert (int(said["Flows"]), int(said["Bytes"])) == (5 * RECORDS, sum(range(1, 5 * RECORDS + 1)))


def test_an_upload_that_hangs_holds_up_neither_reception_nor_the_end(tmp_path, collect):
    (tmp_path / "lake").mkdir()
    begun = tmp_path / "begun"
    fault = f"""import sys
import nftui.engine.lake.uploader as uploader
program = (sys.executable, "-c", "import time; open({str(begun)!r}, 'w').write('x'); time.sleep(3600)")
uploader.Uploader.__init__.__defaults__ = (program,)"""
    port = free_port()
    one = collect(
        tmp_path / "store", "-p", f"127.0.0.1:{port}", "-t", "1", fault=fault,
        environment=options(tmp_path / "lake"),
    )  # fmt: skip
    one.wait_for(begun.exists)
    send(port, v5(1))
    one.wait_until_taken(1)
    assert one.stop()[0] == 0


def test_a_configuration_that_is_wrong_is_told_at_the_start(tmp_path, collect):
    for more, words in (
        ({"NFTUI_LAKE_SITE": ""}, "lake.site is empty"),
        ({"NFTUI_LAKE_SITE": "../x"}, "a name has a-z"),
        ({"NFTUI_LAKE_URI": "s3://KEY:geheim@flows"}, "keys belong in AWS_ACCESS_KEY_ID"),
    ):
        environment = options(tmp_path, **more)
        one = collect(tmp_path / "store", "-p", f"127.0.0.1:{free_port()}", wait=False, environment=environment)
        _, said = one.process.communicate(timeout=PATIENCE_SECONDS)
        assert one.process.returncode == 2
        assert words in said
        assert "geheim" not in said
