"""Where a lake is, and what its sites are called.

    ROOT/site=NAME/date=YYYY-MM-DD/hour=H/<stem>.parquet     as in a store, see `nftui.engine.store.layout`
    ROOT/site=NAME/date=YYYY-MM-DD/hour=H/_<stem>.<span>.rollup
    ROOT/site=NAME/date=YYYY-MM-DD/_before-<seconds>         reach of the day, see `nftui.engine.store.reach`
    ROOT/site=NAME/_before-<seconds>                         the same of all days
    ROOT/site=NAME/_tmp/                                     uploads under way, and parts that were replaced

ROOT is a directory, or a bucket of an S3 service and a prefix in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from nftui.errors import UsageError
from nftui.text import clean

SITE = "site="
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,62}", re.ASCII)
_ENDPOINT = re.compile(r"(?:(https?)://)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?/?", re.ASCII)
_OPTIONS = ("endpoint_override", "region", "scheme")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lake is.

    Attributes:
        root: absolute directory, or `bucket/prefix`.
        remote: whether it is a bucket.
        region: of the bucket; empty for what the environment says.
        endpoint: `host:port` of the service; empty for Amazon's.
        scheme: `https` or `http`.
    """

    root: str
    remote: bool = False
    region: str = ""
    endpoint: str = ""
    scheme: str = "https"

    @property
    def label(self) -> str:
        """The place in messages."""
        return clean(f"s3://{self.root}" if self.remote else self.root)

    def site_root(self, site: str) -> str:
        """Where the store of a site begins; the lake itself for the site without a name, which a plain store is."""
        return f"{self.root}/{SITE}{site}" if site else self.root


def is_uri(text: str) -> bool:
    """Whether a path is that of a bucket."""
    return text.startswith("s3://")


def parse_place(uri: str) -> Place:
    """The place that `/path`, `file:///path` or `s3://bucket/prefix?endpoint_override=...&region=...` names.

    Options of S3 are those of Arrow's URIs: `endpoint_override`, `region` and `scheme`. Keys do not belong there but
    in the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, ...) or `~/.aws`: what is typed is seen by many.

    Raises:
        UsageError: it names none; the text does not repeat what could be a key.
    """
    if is_uri(uri):
        return _parse_bucket(uri)
    path = uri
    if uri.startswith("file:"):
        parts = urlsplit(uri)
        if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise UsageError(f"lake {clean(uri)}: a directory is written /path or file:///path")
        path = unquote(parts.path)
    elif "://" in uri:
        raise UsageError(f"lake {clean(uri.partition('://')[0])}://...: a lake is a directory or s3://bucket/prefix")
    if not path or "\0" in path:
        raise UsageError("lake: the path is empty or has a character that no path has")
    return Place(str(Path(path).expanduser().absolute()))


def check_site(name: str) -> str:
    """The name, if it can be one of a site.

    Raises:
        UsageError: it is none. Names become directories, keys of objects and columns in other programs.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"site {clean(name)!r}: a name has a-z, 0-9, '.', '_' and '-', begins with a letter or digit, at most 63"
        )
    return name


def parse_site(directory: str) -> str | None:
    """The site that a directory's name stands for, or None."""
    name = directory.removeprefix(SITE)
    return name if name != directory and _NAME.fullmatch(name) else None


def _parse_bucket(uri: str) -> Place:
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        raise UsageError("lake s3://...: keys belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not in the URI")
    if not _BUCKET.fullmatch(parts.netloc) or parts.fragment:
        raise UsageError(f"lake {_shown(uri)}: expected s3://bucket/prefix")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(options.keys() - set(_OPTIONS))
    if unknown:
        raise UsageError(f"lake {_shown(uri)}: unknown option {clean(unknown[0])}; known are {', '.join(_OPTIONS)}")
    scheme, endpoint = options.get("scheme", ""), options.get("endpoint_override", "")
    if endpoint:
        match = _ENDPOINT.fullmatch(endpoint)
        if match is None:
            raise UsageError(f"lake {_shown(uri)}: endpoint_override is a host with a port")
        scheme, endpoint = scheme or match[1] or "https", match[2] + (match[3] or "")
    if scheme not in {"", "http", "https"}:
        raise UsageError(f"lake {_shown(uri)}: scheme is http or https")
    names = [name for name in unquote(parts.path).split("/") if name]
    if any(name in {".", ".."} or not name.isprintable() for name in names):
        raise UsageError(f"lake {_shown(uri)}: the prefix has a name that is none")
    root = "/".join([parts.netloc, *names])
    return Place(root, True, options.get("region", ""), endpoint, scheme or "https")


def _shown(uri: str) -> str:
    """A URI without its options."""
    return clean(uri.partition("?")[0])
