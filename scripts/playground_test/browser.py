"""A headless Chromium, driven over the DevTools protocol by a pair of pipes (--remote-debugging-pipe).

Messages are JSON, each ended by a zero byte: the browser reads file descriptor 3 and writes file descriptor 4.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class BrowserError(Exception):
    """The browser refused a command, ended, or did not answer in time."""


class BrowserMissing(Exception):
    """No Chromium is installed."""


def find_chromium():
    named = os.environ.get("CHROMIUM")
    for command in (named,) if named else COMMANDS:
        path = shutil.which(command)
        if path:
            return path
    what = f"CHROMIUM names {named}, which is not there" if named else "Chromium is not installed"
    raise BrowserMissing(f"{what}. On Debian: apt-get install chromium")


class Browser:
    """One process with a profile of its own, removed at the end."""

    def __init__(self, start_deadline=60):
        self._profile = tempfile.mkdtemp(prefix="playground-test-")
        self._number = 0
        self._unread = b""
        self._events = []
        command = [
            find_chromium(),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-sync",
            "--disable-extensions",
            "--disable-component-update",
            "--hide-scrollbars",
            "--mute-audio",
            "--force-device-scale-factor=1",
            "--remote-debugging-pipe",
            f"--user-data-dir={self._profile}",
            "about:blank",
        ]
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The two ends must become 3 and 4 in the browser; moved out of the way first, in case they are 4 and 3.
        ends = [os.dup(to_browser), os.dup(from_browser)]
        while min(ends) < 5:
            ends = [os.dup(end) for end in ends]

        def place_ends():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            command,
            preexec_fn=place_ends,
            pass_fds=(3, 4),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in {to_browser, from_browser, *ends}:
            os.close(end)
        try:
            self.version = self.call("Browser.getVersion", deadline=start_deadline)["product"]
        except BaseException:
            self.close()
            raise

    def call(self, method, parameters=None, session=None, deadline=30):
        """Sends a command and returns its result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        try:
            os.write(self._write, json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise BrowserError(f"Chromium ended before {method}") from error
        end = time.monotonic() + deadline
        while True:
            reply = self._receive(end, method)
            if reply.get("id") != self._number:
                if "method" in reply:
                    self._events.append(reply)
                continue
            if "error" in reply:
                raise BrowserError(f"{method}: {reply['error'].get('message')}")
            return reply.get("result", {})

    def drain(self, seconds=0.05):
        """Reads what has arrived and returns all events since the last call."""
        end = time.monotonic() + seconds
        while True:
            try:
                message = self._receive(end, "events")
            except TimeoutError:
                break
            if "method" in message:
                self._events.append(message)
        events, self._events = self._events, []
        return events

    def _receive(self, end, what):
        while b"\0" not in self._unread:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise TimeoutError(f"Chromium did not answer {what} in time")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise BrowserError(f"Chromium ended while {what} was awaited")
            self._unread += piece
        message, self._unread = self._unread.split(b"\0", 1)
        return json.loads(message)

    def close(self):
        for end in (self._write, self._read):
            try:
                os.close(end)
            except OSError:
                pass
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait(timeout=10)
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    """One tab: its scripts, keys, size, and what it complained about."""

    def __init__(self, browser):
        self._browser = browser
        target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.complaints = []
        self.requests = []
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility", "Audits"):
            self.call(f"{domain}.enable")

    def call(self, method, parameters=None, deadline=30):
        return self._browser.call(method, parameters, self._session, deadline)

    def evaluate(self, expression, deadline=30):
        """The value of a JavaScript expression, awaited."""
        result = self.call(
            "Runtime.evaluate",
            {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True},
            deadline,
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait(self, expression, seconds, what=None):
        """Waits until the expression is truthy and returns its value."""
        end = time.monotonic() + seconds
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s still not so: {what or expression}")
            time.sleep(0.05)

    def resize(self, width, height, mobile=False):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile},
        )

    def media(self, **features):
        """Sets media features, as media(prefers_color_scheme="dark")."""
        self.call(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]},
        )

    def open(self, url, seconds=30):
        problem = self.call("Page.navigate", {"url": url}).get("errorText")
        if problem:
            raise BrowserError(f"{url} cannot be opened: {problem}")
        self.wait(
            f"location.href === {json.dumps(url)} && document.readyState === 'complete'", seconds, f"{url} loaded"
        )

    def type(self, text):
        self.call("Input.insertText", {"text": text})

    def press(self, key, shift=False):
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowRight": 39, "ArrowLeft": 37}
        common = {
            "key": key,
            "code": key,
            "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper())),
            "modifiers": 8 if shift else 0,
        }
        text = "\r" if key == "Enter" else key if len(key) == 1 else None
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **common, **({"text": text} if text else {})})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **common})

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", {"format": "png"})["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def accessibility(self):
        """The nodes of the accessibility tree that are not ignored."""
        return [node for node in self.call("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]

    def intercept(self, pattern):
        """Holds requests whose address fits the pattern until `fulfill`; None lets all pass again."""
        if pattern:
            self.call("Fetch.enable", {"patterns": [{"urlPattern": pattern}]})
        else:
            self.call("Fetch.disable")

    def fulfill(self, status, headers, body, seconds):
        """Answers the request that is held; with None for a status it fails as if nothing listened."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for event in self._browser.drain():
                if event["method"] != "Fetch.requestPaused":
                    continue
                request = {"requestId": event["params"]["requestId"]}
                if status is None:
                    self.call("Fetch.failRequest", {**request, "errorReason": "ConnectionRefused"})
                else:
                    self.call(
                        "Fetch.fulfillRequest",
                        {
                            **request,
                            "responseCode": status,
                            "body": base64.b64encode(body.encode()).decode(),
                            "responseHeaders": [{"name": name, "value": value} for name, value in headers.items()],
                        },
                    )
                return
        raise TimeoutError(f"within {seconds} s the page sent nothing to answer")

    def observe(self):
        """Takes in what the page has requested and complained about so far."""
        for event in self._browser.drain():
            if event.get("sessionId") != self._session:
                continue
            method, details = event["method"], event["params"]
            if method == "Network.requestWillBeSent":
                self.requests.append(details["request"]["url"])
            elif method == "Runtime.exceptionThrown":
                thrown = details["exceptionDetails"]
                self.complaints.append(f"exception: {thrown.get('exception', {}).get('description') or thrown['text']}")
            elif method == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
                words = " ".join(str(each.get("value", each.get("description"))) for each in details["args"])
                self.complaints.append(f"console {details['type']}: {words}")
            elif method == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
                entry = details["entry"]
                self.complaints.append(f"{entry['source']} {entry['level']}: {entry['text']} {entry.get('url', '')}")
            elif method == "Audits.issueAdded":
                issue = details["issue"]
                if issue["code"] in ("ContentSecurityPolicyIssue", "MixedContentIssue"):
                    self.complaints.append(f"{issue['code']}: {json.dumps(issue['details'])[:400]}")
