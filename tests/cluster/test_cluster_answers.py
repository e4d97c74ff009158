"""A Spark cluster gives the answers of DuckDB: every kind of question, and command lines to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason="needs the extra spark: make cluster-test installs it")

from compaction import compact_all, write
from conformance import Case, rotating_cases, statistic_cases
from every_flow import every_flow, flow_table
from past import past_flows
from portable_engines import DuckEngine, EngineSession, whole_file
from spark_standalone import StandaloneCluster

from nftui.cli.main import run
from nftui.engine.lake.place import Place
from nftui.engine.schema import PHYSICAL
from nftui.engine.spark.address import parse_backend
from nftui.engine.spark.holdings import LakeOnCluster
from nftui.engine.spark.session import ClusterSession

LINES = (
    "-s ip/bytes/flows", "-s dstport:p/packets", "-s srcip --distinct dstip,dstport", "-s record/bytes -n 20",
    "-s as/bytes -s proto", "-A srcip4/24,proto -O flows", "-a -O bytes", "-b -O bytes -n 10", "-O bytes -n 30",
    "-c 40", "--series 10m/proto", "--series 1h", "--summary", "-s srcip/bytes tcp and bytes > 200",
    "-s dstip/flows not net 10.0.0.0/9", "-I",
    "-s site/bytes", "-A site,proto -O bytes", "--series 1h/site", "-O bytes -n 20 site ge*",
)  # fmt: skip


@pytest.fixture(scope="module")
def questioned(
    cluster: StandaloneCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[EngineSession, ClusterSession]]:
    """The same flows, with a value or nothing in every field, on DuckDB and on the cluster."""
    root = tmp_path_factory.mktemp("every")
    folder = root / "date=2026-11-21" / "hour=12"
    folder.mkdir(parents=True)
    file = whole_file(folder / "20261121T120000Z-00000000-000001.parquet", flow_table(every_flow(5, 2000)))
    with (
        closing(LakeOnCluster(parse_backend(cluster.address), Place(str(root)))) as lake,
        closing(EngineSession(DuckEngine(file), frozenset(PHYSICAL))) as here,
        closing(lake.session(lake.sources())) as there,
    ):
        yield here, there


@pytest.mark.parametrize("case", [*rotating_cases(), *statistic_cases()], ids=lambda case: case.name)
def test_every_kind_of_question_has_the_same_answer(
    case: Case, questioned: tuple[EngineSession, ClusterSession]
) -> None:
    here, there = questioned
    assert case.ask(there) == case.ask(here)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of two sites, one of them compacted."""
    root = tmp_path_factory.mktemp("lake")
    write(root / "site=bern", past_flows(1, 3000))
    compact_all(root / "site=bern")
    write(root / "site=genf", past_flows(2, 2000, opposite=True))
    return root


@pytest.mark.parametrize("site", ["", "genf"])
@pytest.mark.parametrize("line", LINES)
def test_dump_writes_the_same_to_the_byte(
    cluster: StandaloneCluster, sites: Path, site: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["dump", "--lake", str(sites), *(["--site", site] if site else []), "-o", "csv", *line.split(" ")]
    said = []
    for backend in ([], ["--backend", cluster.address]):
        assert run([asked[0], *backend, *asked[1:]]) == 0
        said.append(capsys.readouterr())
    assert said[0].out == said[1].out
    assert len(said[1].out.splitlines()) > 1
    assert said[1].err == ""


def test_flows_are_written_as_a_file(
    cluster: StandaloneCluster, sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for name, backend in (("here", []), ("there", ["--backend", cluster.address])):
        file = str(tmp_path / f"{name}.parquet")
        assert run(["dump", *backend, "--lake", str(sites), "-w", file, "tcp and src port 2"]) == 0
        capsys.readouterr()
        assert run(["dump", "-r", file, "-o", "csv"]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert len(said[0].splitlines()) > 100
