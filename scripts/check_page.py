#!/usr/bin/env python3
"""Opens the page of `alora serve` in a headless Chromium and uses it.

    check_page.py ALORA MODEL ADAPTER DIRECTORY

In light and dark, on a desktop and on a telephone: a chat with the base and with the adapter, whose tokens have to be marked as the
server says; a server with a key; and an answer full of markup, which has to stay text. Nothing may be on the console, nothing may
be requested but the page and the server's API, nothing may be wider than the screen, and texts keep the contrast that WCAG asks for.
Screenshots are left in DIRECTORY. CHROMIUM names the browser.
"""
import base64
import json
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "clients"))

from check_report import PROBE, SCHEMES, VIEWPORTS, Browser, executable
from server import serving

QUESTION = (
    "The lighthouse of Kordal is 41 metres high. It was painted white in 1902.\n\nQuestion: How high is the lighthouse of Kordal?"
)
MARKUP = "<img src=x onerror=document.title='broken'><script>document.title='broken'</script><b>bold</b> & &amp; </div>"


class Page:
    def __init__(self, browser, url):
        self.browser = browser
        browser.events.clear()
        browser.call("Page.navigate", url=url)
        browser.wait("Page.loadEventFired")

    def value(self, expression):
        return self.browser.evaluate(expression)

    def until(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"not reached: {expression}"
            time.sleep(0.05)

    def send(self, text, model, limit=16):
        count = self.value("document.querySelectorAll('article').length")
        self.value(f"""(() => {{
          const $ = id => document.getElementById(id);
          $('model').value = {json.dumps(model)};
          $('model').dispatchEvent(new Event('change'));
          $('limit').value = {limit};
          $('text').value = {json.dumps(text)};
          $('send').click();
        }})()""")
        self.until(f"document.querySelectorAll('article').length === {count + 1} && !document.getElementById('send').disabled")
        return self.value("""(() => {
          const article = [...document.querySelectorAll('article')].at(-1);
          const spans = name => [...article.querySelectorAll('.' + name + ' span')].map(e => [e.textContent, e.className]);
          return { prompt: spans('prompt'), answer: spans('answer'), facts: article.querySelector('.soft, .bad').textContent,
                   user: article.querySelector('.user').textContent, summary: article.querySelector('summary').textContent };
        })()""")

    def said(self):
        names = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [event["params"] for event in self.browser.events if event.get("method") in names]

    def requests(self):
        events = self.browser.events
        return [event["params"]["request"]["url"] for event in events if event.get("method") == "Network.requestWillBeSent"]


def check_answers(page, where):
    base = page.send(QUESTION, page.value("document.getElementById('model').options[0].value"))
    assert base["answer"] and not any("adapted" in kind for _, kind in base["prompt"] + base["answer"]), (where, base)
    assert "no adapter" in base["facts"], (where, base)
    page.value("document.getElementById('clear').click()")
    found = page.send(QUESTION, "check")
    texts = "".join(text for text, _ in found["answer"])
    assert texts in ("answerable", "unanswerable") and found["user"] == QUESTION, (where, found)
    assert all(kind == "adapted" for _, kind in found["answer"]), (where, found)
    adapted = ["adapted" in kind for _, kind in found["prompt"]]
    # Off, then on; the invocation is what is on. The base has computed what comes before.
    assert adapted == sorted(adapted) and 0 < sum(adapted) < 10, (where, found)
    invocation = "".join(text for text, kind in found["prompt"] if "adapted" in kind)
    assert invocation == "<|im_start|>answerability<file_sep>", (where, invocation)
    cached = ["cached" in kind for _, kind in found["prompt"]]
    assert cached == sorted(cached, reverse=True) and sum(cached) > len(cached) // 2, (where, found)
    assert "".join(text for text, _ in found["prompt"]).count(QUESTION) == 1, (where, found)
    # The next turn contains the first.
    again = page.send("And why?", "check")
    assert texts in "".join(text for text, _ in again["prompt"]) and "tokens in" in again["facts"], (where, again)


def check_layout(page, where, directory):
    page.value("document.querySelectorAll('details').forEach(element => { element.open = true; })")
    # The report's own marks are not here.
    found = page.value(PROBE.replace("document.querySelector('.proofs')", "document.body"))
    assert found["overflow"] <= 0 and not found["wide"], f"{where}: wider than the screen: {found}"
    assert not found["faint"], f"{where}: too little contrast: {found['faint']}"
    width, height, _ = VIEWPORTS[where.split(", ")[0]]
    box = {"x": 0, "y": 0, "width": width, "height": min(found["height"], 8000), "scale": 1}
    image = page.browser.call("Page.captureScreenshot", clip=box, captureBeyondViewport=True)["data"]
    (directory / f"{where.replace(', ', '-')}.png").write_bytes(base64.b64decode(image))


def check_markup(browser, url):
    """A server whose answer is markup."""
    page = Page(browser, url)
    page.until("!document.getElementById('chat').hidden")
    browser.call("Fetch.enable", patterns=[{"urlPattern": "*/v1/chat/completions"}])
    events = [
        {"choices": [], "alora": {"tokens": [{"token": 1, "text": MARKUP, "adapted": False, "cached": True}]}},
        {"choices": [{"index": 0, "delta": {"content": MARKUP}, "finish_reason": None}],
         "alora": {"tokens": [{"token": 2, "text": MARKUP, "adapted": True, "cached": False}]}},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "alora": {"activation_start": 1}},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    page.value(f"document.getElementById('text').value = {json.dumps(MARKUP)}; document.getElementById('send').click()")
    browser.wait("Fetch.requestPaused")
    paused = next(event["params"] for event in browser.events if event.get("method") == "Fetch.requestPaused")
    browser.call(
        "Fetch.fulfillRequest", requestId=paused["requestId"], responseCode=200, body=base64.b64encode(body.encode()).decode(),
        responseHeaders=[{"name": "content-type", "value": "text/event-stream"}])
    page.until("!document.getElementById('send').disabled")
    browser.call("Fetch.disable")
    found = page.value("""({
      elements: document.querySelectorAll('main img, main script, main b, #log script').length, title: document.title,
      answer: document.querySelector('.answer').textContent, prompt: document.querySelector('.prompt').textContent,
    })""")
    assert found == {"elements": 0, "title": "alora serve", "answer": MARKUP, "prompt": MARKUP}, found
    assert not page.said(), page.said()
    # The policy forbids what the page doesn't do.
    for attempt in ["document.body.innerHTML = '<b>x</b>'", "document.createElement('script').textContent = '1'"]:
        refused = page.value(f"(() => {{ try {{ {attempt}; return false }} catch {{ return true }} }})()")
        assert refused, f"{attempt} is allowed"


def check_key(browser, url, key):
    page = Page(browser, url)
    page.until("!document.getElementById('unlock').hidden")
    assert page.value("document.getElementById('chat').hidden && document.getElementById('failure').hidden")

    def use(text):
        page.value(
            f"document.getElementById('key').value = {json.dumps(text)}; document.getElementById('unlock').requestSubmit()")

    use("wrong")
    page.until("!document.getElementById('failure').hidden")
    use(key)
    page.until("!document.getElementById('chat').hidden")
    assert page.value("document.getElementById('unlock').hidden && document.getElementById('failure').hidden")
    assert page.send(QUESTION, "check")["answer"]
    kept = page.value("[document.cookie, location.href, localStorage.length, sessionStorage.length, document.body.outerHTML]")
    assert kept[0] == "" and key not in kept[1] + kept[4] and kept[2:4] == [0, 0], kept


def main():
    alora, model, adapter, directory = sys.argv[1:]
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        profile, keys = folder + "/profile", pathlib.Path(folder + "/keys")
        keys.write_text("a-long-secret\n", encoding="utf-8")
        browser = Browser(executable(), profile)
        try:
            with serving(alora, model, {"check": adapter}) as server:
                url = server["url"] + "/"
                for kind, (width, height, is_mobile) in VIEWPORTS.items():
                    for scheme in SCHEMES:
                        where = f"{kind}, {scheme}"
                        browser.call(
                            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                            mobile=is_mobile)
                        browser.call(
                            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                        page = Page(browser, url)
                        page.until("!document.getElementById('chat').hidden")
                        check_answers(page, where)
                        check_layout(page, where, directory)
                        assert not page.said(), f"{where}: on the console: {page.said()}"
                        allowed = {url, url + "v1/models", url + "v1/chat/completions"}
                        assert {*page.requests()} <= allowed, f"{where}: requests {page.requests()}"
                check_markup(browser, url)
            with serving(alora, model, {"check": adapter}, "--api-key-file", str(keys)) as server:
                check_key(browser, server["url"] + "/", "a-long-secret")
        finally:
            browser.close()
    print("the page of alora serve: chats, marks of tokens, light and dark, small screens, a key, markup as text")


if __name__ == "__main__":
    main()
