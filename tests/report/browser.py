"""A headless Chromium, told what to do over its DevTools protocol, through a pipe: no client, no port."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

WIRES = """if True:  # the browser listens on file 3 and answers on file 4
    import fcntl, os, sys
    told, said = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
    os.dup2(told, 3)
    os.dup2(said, 4)
    os.execv(sys.argv[3], sys.argv[3:])
"""

# Relative luminance and contrast as in WCAG 2.1, of every text against the first opaque ground behind it.
CONTRASTS = """(() => {
  const rgba = text => (text.match(/[0-9.]+/g) ?? []).map(Number);
  const light = c => c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const [r, g, b, alpha = 1] = rgba(getComputedStyle(e).backgroundColor);
      if (alpha === 1 && r !== undefined) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll('main *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('svg .heatmaplayer, noscript, script, [hidden], option')) continue;
    if (!e.getClientRects().length) continue;
    const style = getComputedStyle(e), colour = rgba(e instanceof SVGElement ? style.fill : style.color);
    const pair = [luminance(colour), luminance(ground(e))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), e.outerHTML.slice(0, 90)]);
  }
  return found;
})()"""
# What reaches beyond the right edge of the screen.
OVERFLOW = """[...document.querySelectorAll('main *')]
  .filter(e => !e.closest('.scroll, [clip-path], pre, details:not([open])')
    && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))"""


class Browser:
    """`with Browser(profile) as browser:` one page; `errors` and `requests` are what it did since `open`."""

    def __init__(self, profile: Path) -> None:
        told, self._out = os.pipe()
        self._in, said = os.pipe()
        flags = (
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        )  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", WIRES, str(told), str(said), str(BROWSER), *flags],
            pass_fds=(told, said), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(told)
        os.close(said)
        self._reader = os.fdopen(self._in, "rb", buffering=0)
        self._pending, self._number, self._session = b"", 0, ""
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source="onerror = words => { window.thrown = words; }")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._out)  # the browser ends when its pipe does
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.close()

    def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._pending:
            got = self._reader.read(1 << 20)
            assert got, "the browser ended"
            self._pending += got
        line, self._pending = self._pending.split(b"\0", 1)
        event: dict[str, Any] = json.loads(line)
        self._note(event.get("method"), event.get("params", {}))
        return event

    def _note(self, method: str | None, it: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(it["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and it["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(it["args"])[:500])
        elif method == "Log.entryAdded" and it["entry"]["level"] in ("error", "warning"):
            self.errors.append(it["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(it["request"]["url"])

    def size(self, width: int, height: int = 900) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def theme(self, name: str) -> None:
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def open(self, page: Path, at: str = "") -> None:
        """Open a file as a double click does, at `#...` of it, and wait until its pictures are drawn."""
        self.errors.clear()
        self.requests.clear()
        if at:  # a change of that part alone loads nothing
            self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=page.as_uri() + at)
        self.js(
            """new Promise((done, failed) => {
              const sorry = () => document.getElementById('sorry');
              const look = () => document.documentElement?.dataset.ready ? done(true)
                : sorry()?.hidden === false ? failed(sorry().textContent)
                : window.thrown ? failed(window.thrown) : setTimeout(look, 20);
              look();
              setTimeout(() => failed('not ready after 600 s'), 600000);
            })"""
        )

    def js(self, expression: str) -> Any:
        """The value of an expression, or of the promise that it is."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, json.dumps(answer["exceptionDetails"])[:800]
        return answer["result"].get("value")

    def screenshot(self, path: Path, full: bool = True) -> None:
        got = self.call(
            "Page.captureScreenshot",
            format="png",
            captureBeyondViewport=full,
            **({"clip": self._whole()} if full else {}),
        )
        path.write_bytes(base64.b64decode(got["data"]))

    def _whole(self) -> dict[str, float]:
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
