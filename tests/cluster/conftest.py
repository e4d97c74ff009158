"""A Spark cluster for the tests of this directory: `make cluster-test`, or `pytest -m cluster tests/cluster`.

NFTUI_SPARK names an environment with the package `pyspark`. It is started once, and ended whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from spark_standalone import NoCluster, StandaloneCluster, standalone

if TYPE_CHECKING:
    from nftui.engine.spark.holdings import LakeOnCluster


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    wanted = "cluster" in config.option.markexpr
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(900))
            if not wanted:
                item.add_marker(pytest.mark.skip(reason="starts a Spark cluster: make cluster-test"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
    """A master, two workers and a Connect server."""
    try:
        with standalone(tmp_path_factory.mktemp("spark")) as started:
            yield started
    except NoCluster as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture
def lake(cluster: StandaloneCluster, tmp_path: Path) -> Iterator[LakeOnCluster]:
    """An empty directory as a lake, read by the cluster."""
    from nftui.engine.lake.place import Place
    from nftui.engine.spark.address import parse_backend
    from nftui.engine.spark.holdings import LakeOnCluster

    with closing(LakeOnCluster(parse_backend(cluster.address), Place(str(tmp_path)))) as found:
        yield found
