"""Where a lake is: URIs, names of sites, and keys that must not stand in either."""

import pytest

from nftui.config import LakeConfig
from nftui.engine.lake.place import Place, check_site, parse_place, parse_site
from nftui.engine.lake.settings import read_settings
from nftui.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("/mnt/lake", Place("/mnt/lake")),
        ("file:///mnt/a%20lake", Place("/mnt/a lake")),
        ("s3://flows", Place("flows", True)),
        ("s3://flows/a//b/", Place("flows/a/b", True)),
        ("s3://flows/a?region=eu-central-1", Place("flows/a", True, "eu-central-1")),
        ("s3://flows?endpoint_override=10.0.0.1:9000&scheme=http", Place("flows", True, "", "10.0.0.1:9000", "http")),
        (
            "s3://flows?endpoint_override=http%3A%2F%2Fs3.local%3A9000",
            Place("flows", True, "", "s3.local:9000", "http"),
        ),
        ("s3://flows?endpoint_override=[::1]:9000", Place("flows", True, "", "[::1]:9000")),
    ],
)
def test_places(uri, place):
    assert parse_place(uri) == place


def test_a_relative_directory_is_below_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_place("lake") == Place(str(tmp_path / "lake"))
    assert parse_place("lake").site_root("zurich") == f"{tmp_path}/lake/site=zurich"
    assert parse_place("lake").site_root("") == f"{tmp_path}/lake"


@pytest.mark.parametrize(
    "uri",
    ["", "gs://x/y", "http://x/y", "file://host/x", "s3://", "s3://UPPER/x", "s3://b/../x", "s3://b/a%00b", "s3://b#x",
     "s3://b?endpoint_override=a%2Fb", "s3://b?scheme=ftp", "s3://b?access_key=x", "a\0b"],
)  # fmt: skip
def test_what_is_no_place_is_refused(uri):
    with pytest.raises(UsageError):
        parse_place(uri)


@pytest.mark.parametrize("uri", ["s3://KEY:geheim@flows/x", "s3://flows/x?access_key=geheim", "s3://geheim:@/"])
def test_keys_in_a_uri_are_refused_and_not_repeated(uri):
    with pytest.raises(UsageError) as caught:
        parse_place(uri)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("name", ["zurich", "zrh-1", "0", "a.b_c", "a" * 63])
def test_names_of_sites(name):
    assert check_site(name) == name
    assert parse_site(f"site={name}") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a=b", "A", "zürich", "-a", "_a", "a b", "a\n", "a\x1b[2J", "a" * 64, "%2e", "*"]
)
def test_names_that_could_lead_elsewhere_are_refused(name):
    with pytest.raises(UsageError) as caught:
        check_site(name)
    assert "\x1b" not in str(caught.value)
    assert parse_site(f"site={name}") is None


def test_a_configuration_needs_a_site_and_a_lake_outside_of_the_store(tmp_path):
    store = tmp_path / "store"
    assert read_settings(LakeConfig("/lake", "a", "2w"), store).keep_ms == 14 * 86_400_000
    for config, words in (
        (LakeConfig("/lake"), "lake.site is empty"),
        (LakeConfig("/lake", "A"), "a name has a-z"),
        (LakeConfig("/lake", "a", "soon"), "age"),
        (LakeConfig(str(store), "a"), "cannot lie in the store"),
        (LakeConfig(str(store / "lake"), "a"), "cannot lie in the store"),
    ):
        with pytest.raises(ConfigError, match=words):
            read_settings(config, store)
