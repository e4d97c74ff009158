"""`nftui serve` with a real browser: the screen is drawn, keys arrive, nobody else gets in."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_ports import free_port

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
aiohttp = pytest.importorskip("aiohttp", reason="textual-serve is not installed")
BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Address of a server; frames are sent whole, so that words in them can be found."""
    port = free_port()
    shown = ("--no-diff", "--no-listen", "--fresh", "--store", str(tmp_path / "s"))
    command = [sys.executable, "-m", "nftui", "serve", "--port", str(port), "--", *shown]
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        assert first.startswith(f"nftui: the screen is at http://127.0.0.1:{port}/?token="), first
        assert f"ssh -L {port}:127.0.0.1:{port} HOST" in process.stderr.readline()
        _wait(port)
        yield first.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) is not None
        process.stderr.close()


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("the server does not listen")


@pytest.mark.skipif(not BROWSER, reason="no Chromium: apt-get install chromium")
def test_screen_is_drawn_in_a_browser_and_takes_keys(address: str, tmp_path: Path):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        frames: list[str] = []
        page.on("websocket", lambda ws: ws.on("framereceived", lambda data: frames.append(_text(data))))
        page.goto(address)

        def shows(text: str) -> None:
            for _ in range(600):
                if any(text in frame for frame in frames):
                    return
                page.wait_for_timeout(50)
            raise AssertionError(f"{text!r} does not come")

        shows("hosts")
        page.wait_for_selector("body.-first-byte")
        assert "token" not in page.url
        frames.clear()
        page.keyboard.press("?")
        shows("Keys of the tables")
        page.screenshot(path=str(tmp_path / "help.png"))
        assert (tmp_path / "help.png").stat().st_size > 20_000, "an empty page"
        frames.clear()
        page.keyboard.press("Escape")
        shows("hosts")
        page.keyboard.press("Control+c")  # a q that comes before the list has closed would close that
        page.wait_for_selector("body.-closed", timeout=90_000)
        browser.close()
    host = address.split("/?", maxsplit=1)[0]
    assert all(url.startswith((host, host.replace("http", "ws"), "data:", "blob:")) for url in asked), asked


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


async def _status(url: str, headers: dict[str, str] | None = None, cookie: str = "") -> int:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar, cookies={"nftui": cookie} if cookie else None) as session,
        session.get(url, headers=headers, allow_redirects=False) as answer,
    ):
        return int(answer.status)


async def test_only_who_has_the_address_gets_in(address: str):
    host, _, secret = address.partition("/?token=")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    assert await _status(f"{host}/") == 403
    assert await _status(f"{host}/?token=wrong") == 403
    assert await _status(f"{host}/ws", upgrade) == 403
    assert await _status(f"{host}/static/js/textual.js") == 403
    assert await _status(address) == 302
    assert await _status(f"{host}/", cookie=secret) == 200
    assert await _status(f"{host}/ws", upgrade, cookie=secret) == 403, "without an origin"
    foreign = upgrade | {"Origin": "http://attacker.example"}
    assert await _status(f"{host}/ws", foreign, cookie=secret) == 403


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nftui", "serve", *arguments], capture_output=True, text=True, timeout=60, **more
    )  # type: ignore[call-overload, no-any-return]


def test_port_in_use_and_names_are_one_line():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = run("--port", str(port))
    assert taken.returncode == 69
    assert taken.stderr.count("\n") == 1
    assert f"port {port}" in taken.stderr
    named = run("--host", "localhost")
    assert named.returncode == 2
    assert "an address such as 127.0.0.1" in named.stderr


def test_missing_library_is_named_with_what_to_type(tmp_path: Path):
    (tmp_path / "textual_serve.py").write_text("raise ModuleNotFoundError('no', name='textual_serve')")
    result = run(env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert result.returncode == 2
    assert "pip install 'nftui[web]'" in result.stderr
