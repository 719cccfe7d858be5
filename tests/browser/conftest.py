"""A real server and a real Chromium for each test that asks for them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_START_SECONDS = 90


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where there is no Chromium, but never in CI: there a skip would hide a broken page."""
    if _chromium() is None and not os.environ.get("CI"):
        reason = "no Chromium: apt-get install chromium, or set CHROMIUM to its path"
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium for all tests of a worker."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)
    executable = _chromium()
    assert executable, "CI needs Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield chromium
        chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Keep what the page shows when a test fails, while its server still runs."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.when == "call" and report.failed and page is not None:
        picture = item.funcargs["tmp_path"] / "failure.png"
        page.screenshot(path=picture, full_page=True)
        report.sections.append(("What the page showed", str(picture)))
    return report


@pytest.fixture
def page(browser):
    """A fresh browser window, 1,400 by 900."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def press(page) -> Callable[[str], None]:
    """Press a key in the review and wait until another record is shown."""
    from playwright.sync_api import expect

    def until_another(key: str) -> None:
        # The line with the record's key comes in one piece; its words may come after it, and a
        # second press for the record that is still shown does nothing.
        about = page.locator(".st-key-record").get_by_test_id("stCaptionContainer").first
        before = about.inner_text()
        page.keyboard.press(key)
        expect(about).not_to_have_text(before, use_inner_text=True)

    return until_another


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Start the workbench on a workspace; return its address. It is stopped after the test."""
    servers = []

    def start(workspace: Path) -> str:
        port = _free_port()
        log = (tmp_path / f"server-{port}.log").open("w")
        command = [sys.executable, "-m", "curation", "--workspace", str(workspace), "app"]
        server = subprocess.Popen(
            [*command, "--no-browser", "--port", str(port)],
            stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        servers.append((server, log))
        _wait_until_healthy(f"http://localhost:{port}", server, Path(log.name))
        return f"http://localhost:{port}"

    yield start
    for server, log in servers:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"The server ended: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"The server did not answer in {_START_SECONDS} s: {log.read_text()}")
