"""A headless Chromium that tests drive by its debugging protocol, over pipes: no driver and no port is needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--hide-scrollbars",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--remote-debugging-pipe",
)  # fmt: skip
DEADLINE_SECONDS = 60


class Browser:
    """One browser process; its messages end with a zero byte."""

    def __init__(self, commands: int, replies: int):
        self._commands, self._replies, self._rest, self._number = commands, replies, b"", 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call a method and wait for its result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._commands, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                return reply["result"]
            self.events.append(reply)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._replies, 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        return json.loads(line)

    def open(self, address: str, *, width: int = 1300, height: int = 1000) -> "Tab":
        """A new tab with cookies and a storage of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        tab = Tab(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.call(f"{domain}.enable")
        tab.resize(width, height)
        tab.call("Page.navigate", url=address)
        tab.wait("document.readyState === 'complete'")
        return tab


class Tab:
    """One page."""

    def __init__(self, browser: Browser, session: str):
        self.browser, self.session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def value(self, script: str) -> Any:
        """What an expression is."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, script: str, *, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(f"Boolean({script})"):
            assert time.monotonic() < end, (
                f"{script} is not true after {seconds} s; {self.value('document.body.innerText')}"
            )
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        return self.value(f"document.querySelector({json.dumps(selector)}).innerText")

    def click(self, selector: str) -> None:
        self.value(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector: str, text: str) -> None:
        self.value(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def upload(self, selector: str, path: Path) -> None:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def addresses(self) -> set[str]:
        """Where requests went."""
        sent = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return {event["params"]["request"]["url"] for event in sent if event["method"] == "Network.requestWillBeSent"}

    def complaints(self) -> list[str]:
        """What the browser logged as errors: scripts that failed, what the policy of the page refused."""
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        logged = [event["params"]["entry"]["text"] for event in mine if event["method"] == "Log.entryAdded"]
        return logged + [str(event["params"]) for event in mine if event["method"] == "Runtime.exceptionThrown"]

    def picture(self, path: Path) -> Path:
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        area = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path


@contextmanager
def started_browser(folder: Path) -> Iterator[Browser]:
    """A browser that ends with the block; its profile is in the folder. Skips where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium")
    (read_commands, commands), (replies, write_replies) = os.pipe(), os.pipe()

    def arrange() -> None:  # Chromium reads from 3 and writes to 4; numbers from 5 on take nobody's place meanwhile.
        first, second = (fcntl.fcntl(end, fcntl.F_DUPFD, 5) for end in (read_commands, write_replies))
        os.dup2(first, 3)
        os.dup2(second, 4)

    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"],
        preexec_fn=arrange, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    os.close(read_commands)
    os.close(write_replies)
    try:
        yield Browser(commands, replies)
    finally:
        os.close(commands)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(replies)
