#!/usr/bin/env python3
"""Opens HTML reports in a headless Chromium and holds them to what they promise.

    check_report.py [--screenshots DIRECTORY] PAGE.html ...

In light and dark, on a desktop and on a telephone (375 pixels wide), as it opens and with all that can be unfolded: nothing on the console,
no request but the page itself, nothing wider than the screen, nothing empty, every link leads somewhere, closed cases open when they are
linked to, and texts keep the contrast that WCAG asks for.
Speaks the DevTools protocol over pipes, with Python's own library only. CHROMIUM names the browser.
"""
import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VIEWPORTS = {"desktop": (1280, 900, False), "telephone": (375, 812, True)}
SCHEMES = ("light", "dark")

# Everything asked of a page at once. Colours are compared as they are painted: over the nearest background that is not transparent.
PROBE = r"""
(() => {
  const scroller = document.scrollingElement, wide = [];
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('.scroll, svg') || !element.checkVisibility() || !element.getClientRects().length) continue;
    const box = element.getBoundingClientRect();
    if (box.right > innerWidth + 0.5 || box.left < -0.5) wide.push(element.tagName + '.' + element.className);
  }
  const parse = text => (text.match(/[\d.]+/g) || []).map(Number);
  const luminance = rgb => rgb.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const background = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), inSVG = element.closest('svg');
    if (inSVG && element.tagName !== 'text') continue;
    const front = luminance(parse(inSVG ? style.fill : style.color));
    const back = luminance(background(inSVG ? inSVG.parentElement : element));
    const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (contrast < 4.5) faint.add(`${element.tagName}.${element.getAttribute('class')}: ${contrast.toFixed(2)}`);
  }
  const panels = 'section, details, figure, figcaption, table, tbody, ul, ol, dl, dt, dd, li, p, th[scope], summary, h1, h2, h3';
  const empty = [...document.querySelectorAll(panels)].filter(e => !e.textContent.trim()).map(e => e.tagName + '.' + e.className);
  const dead = [...document.querySelectorAll('a')].filter(a => !document.querySelector(a.getAttribute('href'))).length;
  const count = selector => document.querySelectorAll(selector).length;
  return {
    overflow: scroller.scrollWidth - innerWidth, wide, faint: [...faint], empty, dead, height: scroller.scrollHeight,
    heading: document.querySelector('h1').innerText, proofs: count('.proofs > li'), cases: count('details.case'),
    open: count('details.case[open]'), charts: count('figure svg[role=img]'), tokens: count('.run li'), rows: count('table.tops tbody'),
    explanations: count('details.more'),
    styled: getComputedStyle(document.querySelector('.proofs')).listStyleType === 'none',
  };
})()
"""

# Follows each link to a closed case.
FOLLOW = r"""
(async () => {
  const closed = [];
  for (const link of document.querySelectorAll('a')) {
    link.click();
    await new Promise(done => setTimeout(done, 20));
    const target = document.querySelector(link.getAttribute('href')), details = target.closest('details');
    if (details && !details.open || !target.getClientRects().length) closed.push(link.innerText);
  }
  return closed;
})()
"""


def executable():
    """The browser's path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, (
        "chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if not found:
        sys.exit("No Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM")
    return found


class Browser:
    """Chromium and one of its pages."""

    def __init__(self, executable, profile):
        commands, answers = os.pipe(), os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4.
        shell = f'exec "$@" 3<&{commands[0]} 4>&{answers[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "-", executable, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--no-first-run", "--disable-background-networking", "--hide-scrollbars", f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands[0], answers[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands[0])
        os.close(answers[1])
        self.out, self.into, self.buffer = commands[1], answers[0], b""
        self.count, self.events, self.session = 0, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def receive(self):
        while b"\0" not in self.buffer:
            part = os.read(self.into, 1 << 16)
            assert part, "the browser has ended"
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def wait(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
        except (AssertionError, OSError):
            pass
        self.process.wait()


def check(browser, page, kind, scheme, directory):
    width, height, is_mobile = VIEWPORTS[kind]
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_mobile)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    url = page.resolve().as_uri()
    browser.call("Page.navigate", url=url)
    browser.wait("Page.loadEventFired")
    opened = browser.evaluate(PROBE)
    where = f"{page.name}, {kind}, {scheme}"
    said = [e["params"] for e in browser.events if e.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")]
    assert not said, f"{where}: on the console: {said}"
    requests = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    assert requests == [url], f"{where}: requests {requests}"
    if directory:
        box = {"x": 0, "y": 0, "width": width, "height": min(opened["height"], 16000), "scale": 1}
        image = browser.call("Page.captureScreenshot", clip=box, captureBeyondViewport=True)["data"]
        (directory / f"{page.stem}-{kind}-{scheme}.png").write_bytes(base64.b64decode(image))
    closed = browser.evaluate(FOLLOW)
    assert not closed, f"{where}: linked to and not seen: {closed}"
    browser.evaluate("document.querySelectorAll('details').forEach(element => { element.open = true; })")
    for found in (opened, browser.evaluate(PROBE)):
        assert found["overflow"] <= 0 and not found["wide"], f"{where}: wider than the screen: {found}"
        assert not found["faint"], f"{where}: too little contrast: {found['faint']}"
        assert not found["empty"], f"{where}: empty: {found['empty']}"
        assert found["styled"] and found["dead"] == 0 and found["proofs"] >= 5, f"{where}: {found}"
        # Prompts with their charts, or the explanations that were tried of a server's answers.
        assert (found["charts"] and found["tokens"]) or found["explanations"] or not found["cases"], f"{where}: {found}"
    return opened


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("pages", nargs="+", type=Path)
    arguments = parser.parse_args()
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(executable(), profile)
        try:
            for page in arguments.pages:
                for kind in VIEWPORTS:
                    for scheme in SCHEMES:
                        found = check(browser, page, kind, scheme, arguments.screenshots)
                print(f"{page.name}: {found['heading']}; {found['cases']} cases, {found['open']} open, {found['tokens']} tokens, "
                      f"{found['explanations']} lists of explanations")
        finally:
            browser.close()


if __name__ == "__main__":
    main()
