"""A real browser, driven over the WebDriver protocol (W3C): headless Chromium, a folder of its own, no network but ours."""
import base64
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=900,900"]
SECONDS = 90  # the machine may be busy; a page takes about one


class Browser:
    """`with Browser() as page:` — page.open(url), page.find(selector), page.wait(condition)."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="borealis-browser-")
        self.process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
                                        env={**os.environ, "HOME": self.folder})
        self.port = None
        for line in self.process.stdout:
            if "started successfully on port " in line:
                self.port = int(line.rsplit(" ", 1)[1].strip(" .\n"))
                break
        if self.port is None:
            raise RuntimeError("chromedriver did not start")
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
                                        "goog:chromeOptions": {"binary": BROWSER, "args": [*FLAGS, f"--user-data-dir={self.folder}/data"]}}}
        self.session = ""
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request(method, (self.session if path != "/session" else "") + path, None if body is None else json.dumps(body))
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def find(self, selector):
        return Element(self, self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT])

    def run(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def wait(self, condition):
        """Until it gives something true, which is returned."""
        until = time.monotonic() + SECONDS
        while True:
            value = condition()
            if value or time.monotonic() > until:
                return value
            time.sleep(0.05)

    def rows(self):
        return self.run("return [...document.querySelectorAll('#employees tbody tr')].map(r => [...r.cells].map(c => c.textContent))")

    def complaints(self):
        """What the page's console shows as an error."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def screenshot(self, file):
        file.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def close(self):
        try:
            self.call("DELETE", "")
        except (OSError, RuntimeError):
            pass
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Element:
    def __init__(self, page, identity):
        self.page, self.path = page, f"/element/{identity}"

    def type(self, text):
        self.page.call("POST", f"{self.path}/value", {"text": text})

    def click(self):
        self.page.call("POST", f"{self.path}/click", {})

    def text(self):
        return self.page.call("GET", f"{self.path}/text")

    def shown(self):
        return self.page.call("GET", f"{self.path}/displayed")

    def role(self):
        """As a screen reader is told."""
        return self.page.call("GET", f"{self.path}/computedrole")

    def label(self):
        return self.page.call("GET", f"{self.path}/computedlabel")
