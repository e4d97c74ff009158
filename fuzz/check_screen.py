"""What must hold for the files that the screen reads: its keys, saved filters, and where addresses are."""

from __future__ import annotations

from promises import BrokenPromise, file_of, harmless

from nftui import config as settings
from nftui import saved_filters
from nftui.engine.geography import Geography
from nftui.errors import ConfigError
from nftui.screens.action_table import SCREENS, ActionTable

_ADDRESSES = ("192.0.2.7", "198.51.100.1", "203.0.113.1", "2001:db8::1", "::", "ffff::1")
_NEW, _TEXT = "new", 'tcp and username "a\\b"'


def keymap(data: bytes) -> int:
    """The keys of a configuration file; gives actions that have others than before."""
    path = file_of(data, "config.toml")
    path.chmod(0o600)
    try:
        table = ActionTable(settings.load(path, environ={}).keys, str(path))
    except ConfigError as error:
        _check_message(error)
        return 0
    for screen in SCREENS:
        keys = [key for action in table.on(screen) for key in action.keys]
        if len(keys) != len(set(keys)):
            raise BrokenPromise(f"a key with two meanings on the screen {screen}")
        if not all(key and harmless(key) for key in keys):
            raise BrokenPromise("a key without a name, or with control characters in it")
    return len(table.keymap)


def saved(data: bytes) -> int:
    """A file of saved filters, read, and written with one more; gives filters."""
    path = file_of(data, "saved.toml")
    path.chmod(0o600)
    try:
        found = saved_filters.read(path)
    except ConfigError as error:
        _check_message(error)
        return 0
    if not all(
        saved_filters.NAME.fullmatch(name) and harmless(name) and harmless(text) for name, text in found.items()
    ):
        raise BrokenPromise("control characters in a filter or its name")
    try:
        after = saved_filters.save(path, _NEW, _TEXT)
    except ConfigError as error:
        _check_message(error)
        if path.read_bytes() != data:
            raise BrokenPromise("a file that was not saved is another") from error
        return len(found)
    if after != found | {_NEW: _TEXT} or saved_filters.read(path) != after:
        raise BrokenPromise("what was saved is not what is read")
    return len(found)


def geography(data: bytes) -> int:
    """A database of countries, cities or autonomous systems; gives addresses that it says something of."""
    path = str(file_of(data, "database.mmdb"))
    known = Geography(path, path, folders=())
    found = 0
    for address in _ADDRESSES:
        try:
            place = known.of(address)
        except ConfigError as error:
            _check_message(error)
            return 0
        if not all(harmless(text) for text in (place.country, place.code, place.city, place.as_name)):
            raise BrokenPromise("control characters in the name of a place")
        if not (0 <= place.as_number < 1 << 32 and len(place.code) <= 2):
            raise BrokenPromise("a number or a code that is none")
        found += place != type(place)()
    return found


def _check_message(error: ConfigError) -> None:
    if "\n" in str(error) or not harmless(str(error)):
        raise BrokenPromise("an error of more than one line, or with control characters") from error
