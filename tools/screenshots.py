"""Take the pictures of the studio that the documentation shows: `make screenshots`, which needs Chromium.

It starts a studio with an empty folder, loads the samples, paints them and takes a picture at each step.
"""

import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
_PATIENCE = 1_800_000
"""The longest wait for a picture, in milliseconds."""
SIZE = 192
"""Of the pictures that are painted: the longest side in pixels."""


def main() -> None:
    """Write ``docs/pictures/studio-*.jpg``."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("no Chromium was found; install it with: make browser")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe, sync_playwright() as playwright:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        data = str(Path(folder) / "data")
        command = [sys.executable, "-m", "glstylenet", "studio", "--port", str(port), "--data", data]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/health")
            _take_all(
                playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]),
                f"http://127.0.0.1:{port}/",
            )
        finally:
            server.terminate()
            server.wait()


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise SystemExit(f"the studio did not start at {address}") from None
            time.sleep(0.2)


def _take_all(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.locator("html[data-ready]").wait_for(state="attached")
    _take(page, "start")
    page.locator("button.samples").first.click()
    page.locator("#canvas-style").wait_for()
    page.locator("#set-size").fill(str(SIZE))
    page.locator("#set-size").press("Tab")
    page.locator("#quality .time:not(:empty)").first.wait_for()
    page.wait_for_timeout(1500)
    _take(page, "maps")
    page.locator("#quality input[value=preview]").check()
    page.locator("#run").click()
    page.locator("#history small", has_text="finished").wait_for()
    page.locator("#quality input[value=draft]").check()
    page.locator("#run").click()
    page.locator("#history li:nth-child(2)").wait_for()
    page.locator("#curve canvas").wait_for()
    page.locator("#after").wait_for()
    page.wait_for_timeout(3000)
    _take(page, "running")
    page.locator("#downloads").wait_for()
    page.wait_for_timeout(3000)
    _take(page, "finished")
    run = page.url
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(500)
    _take(page, "dark")
    viewer = context.new_page()
    viewer.goto(f"{address}static/viewer.html#job={run.split('#job=')[1]}")
    viewer.locator("html[data-ready]").wait_for(state="attached")
    viewer.mouse.move(320, 330)
    viewer.mouse.wheel(0, -300)
    viewer.wait_for_timeout(500)
    _take(viewer, "viewer")
    context.close()
    small = browser.new_context(viewport=PHONE, device_scale_factor=1.5, is_mobile=True, has_touch=True)
    small.set_default_timeout(_PATIENCE)
    phone = small.new_page()
    phone.goto(run)
    phone.locator("#downloads").wait_for()
    phone.wait_for_timeout(1000)
    _take(phone, "phone")
    browser.close()


def _take(page: Page, name: str) -> None:
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(PICTURES / f"studio-{name}.jpg", quality=80, optimize=True)
    print(f"studio-{name}.jpg", flush=True)


if __name__ == "__main__":
    main()
