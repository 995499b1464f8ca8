"""Chromium as a reader has it, spoken to in the W3C's WebDriver protocol over plain HTTP."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MISSING = next(
    (
        f"{name} isn't installed (Debian: apt-get install chromium chromium-driver)"
        for name in ("chromium", "chromedriver")
        if shutil.which(name) is None
    ),
    "",
)
"""Why no page can be opened here; empty where one can."""

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


class Browser:
    """One window.

    Args:
        port: chromedriver's.
        profile: an empty folder for what Chromium remembers.
    """

    def __init__(self, port: int, profile: Path) -> None:
        self._door = f"http://127.0.0.1:{port}/session"
        options = {
            "binary": shutil.which("chromium"),
            "args": [*_FLAGS, f"--user-data-dir={profile}"],
        }
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        session = self._ask("", {"capabilities": {"alwaysMatch": wanted}})
        self._door += f"/{session['sessionId']}"
        self._ask("/url", {"url": "about:blank"})
        self.console(), self.requested()  # its first, own page doesn't count

    def open(self, page: Path, width: int, height: int = 844, scheme: str = "light") -> None:
        """Load a page into a window of CSS pixels, by day (light) or by night (dark)."""
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._devtools("Emulation.setEmulatedMedia", {"media": "", "features": [feature]})
        self._ask("/url", {"url": page.resolve().as_uri()})

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        return self._ask("/execute/sync", {"script": f"return {expression}", "args": []})

    def console(self) -> list[str]:
        """Return what the page complained about since the last call."""
        return [entry["message"] for entry in self._ask("/se/log", {"type": "browser"})]

    def requested(self) -> list[str]:
        """Return the addresses requested since the last call, the page's own first."""
        entries = self._ask("/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def paper(self, path: Path) -> None:
        """Write the page as printed, a PDF."""
        path.write_bytes(base64.b64decode(self._ask("/print", {})))

    def close(self) -> None:
        """End Chromium."""
        self._ask("", method="DELETE")

    def _devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        return self._ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _ask(self, path: str, content: Any = None, method: str = "POST") -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._door + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Return a browser that ends with the block."""
    with socket.socket() as result:
        result.bind(("127.0.0.1", 0))
        port = result.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}", "--log-level=OFF"])
    try:
        _await(port)
        browser = Browser(port, profile)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait(10)


def _await(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("chromedriver doesn't answer.")
