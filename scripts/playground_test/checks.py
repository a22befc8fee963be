"""What the playground must do, checked in order on one page. Nothing depends on what the model says."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

from .browser import Browser, BrowserError, Page

# A tiny model on a busy two-core machine, loading first: slow, but bounded.
ANSWER_SECONDS = 240
FIRST_TOKEN_SECONDS = 120
STEP_SECONDS = 15
WIDTHS = ((1440, 900), (768, 900), (360, 740))
ROLES = {"button", "link", "textbox", "combobox", "checkbox", "slider", "spinbutton", "tab", "option", "listbox",
         "searchbox", "radio", "switch", "menuitem", "ComboBoxMenuSelect"}
LAST_ANSWER = "[...document.querySelectorAll('.turn.assistant')].at(-1)"
TURNS = "document.querySelectorAll('.turn').length"
RUNNING = "!document.getElementById('stop').hidden"


class Failed(Exception):
    """A check found something else than it should."""


def require(condition, words):
    if not condition:
        raise Failed(words)


class Playground:
    def __init__(self, page, base, output):
        self.page = page
        self.base = base
        self.output = output
        self.model = None

    # Steps that several checks share

    def text(self, selector):
        return self.page.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")

    def click(self, selector):
        found = self.page.evaluate(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)}); node?.click(); return !!node }})()")
        require(found, f"there is no {selector}")

    def shoot(self, name):
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 120)))")
        self.page.screenshot(os.path.join(self.output, f"{name}.png"))

    def set_number(self, name, value):
        self.page.evaluate(
            f"(() => {{ const field = document.getElementById('setting-{name}'); field.value = '{value}';"
            "field.dispatchEvent(new Event('input', { bubbles: true })) })()")

    def send(self, text):
        """Writes and sends by keyboard, as a person would."""
        turns = self.page.evaluate(TURNS)
        self.page.evaluate("document.getElementById('draft').focus()")
        self.page.type(text)
        self.page.press("Enter")
        self.page.wait(f"{TURNS} === {turns + 2}", STEP_SECONDS, "the message and its answer appeared")

    def wait_for_answer(self):
        self.page.wait(f"!({RUNNING})", ANSWER_SECONDS, "the answer ended")
        notice = self.page.evaluate(f"{LAST_ANSWER}?.querySelector('.notice')?.textContent ?? ''")
        require(notice == "", f"the answer failed: {notice}")

    # The checks, in order

    def check_headers(self):
        """the page forbids inline code and other origins"""
        with urllib.request.urlopen(self.base + "/", timeout=STEP_SECONDS) as response:
            policy = response.headers.get("Content-Security-Policy", "")
        for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
            require(part in policy, f"the Content-Security-Policy lacks {part}: {policy or 'there is none'}")
        require("unsafe" not in policy, f"the Content-Security-Policy allows something unsafe: {policy}")

    def check_models(self):
        """the model list fills"""
        self.page.resize(*WIDTHS[0])
        self.page.media(prefers_color_scheme="light")
        key = os.environ.get("PRSM_API_KEY")
        if key:
            self.page.call("Page.addScriptToEvaluateOnNewDocument", {
                "source": f"sessionStorage.setItem('prsm.api-key', {json.dumps(key)})"})
        self.page.open(self.base + "/")
        self.page.wait("!document.getElementById('model').disabled", 30, "the model list filled")
        self.model = self.page.evaluate("document.getElementById('model').value")
        require(self.model, "the first model has no name")
        require(self.model in self.text("#welcome"), "the welcome does not name the model")
        self.shoot("welcome-1440-light")

    def check_stream(self):
        """a message sent by keyboard streams an answer"""
        self.set_number("max_tokens", 48)
        self.set_number("temperature", 0.4)
        self.page.evaluate("""(() => {
          window.playgroundGrowth = new Set();
          new MutationObserver(() => {
            const answer = document.querySelector('.turn.assistant.running .answer');
            if (answer) playgroundGrowth.add(answer.textContent.length);
          }).observe(document.getElementById('transcript'), { subtree: true, childList: true, characterData: true, attributes: true });
        })()""")
        self.send("Name three colours, with a few words on each.")
        require(self.page.evaluate("document.activeElement.id") == "draft", "the keyboard left the message field")
        self.page.wait(f"{LAST_ANSWER}?.querySelector('.answer').textContent.length > 0", FIRST_TOKEN_SECONDS, "the first words")
        self.wait_for_answer()
        lengths = self.page.evaluate("playgroundGrowth.size")
        require(lengths >= 2, f"the answer did not grow while it streamed; {lengths} lengths were seen")

    def check_figures(self):
        """an answer shows its speed and its counts"""
        figures = self.page.evaluate(f"{LAST_ANSWER}.querySelector('.figures').textContent")
        for name in ("tokens/s", "to first token", "tokens out", "tokens in"):
            require(name in figures, f"the figures lack “{name}”: {figures}")

    def check_announcement(self):
        """a screen reader hears the answer once"""
        said = self.page.wait("document.getElementById('announcer').textContent", STEP_SECONDS, "an announcement")
        require(said.startswith("Answer: "), f"the live region says “{said[:80]}”")

    def check_probabilities(self):
        """tokens are coloured by probability, with alternatives by keyboard"""
        self.click("#setting-probabilities")
        self.send("Say good morning.")
        self.wait_for_answer()
        tokens = self.page.evaluate(f"{LAST_ANSWER}.querySelectorAll('.token[data-index]').length")
        require(tokens > 0, "the answer has no coloured tokens; did the node send logprobs?")
        require(self.page.evaluate(f"{LAST_ANSWER}.querySelectorAll('.legend dd').length") == 5, "the legend lacks bands")
        self.page.evaluate(f"{LAST_ANSWER}.querySelector('.token[data-index]').focus()")
        if tokens > 1:
            self.page.press("ArrowRight")
            require(self.page.evaluate("document.activeElement.dataset.index") == "1", "the arrow key did not move on")
        card = self.text("#token-card")
        require("%" in card, f"the card shows no probability: {card}")
        rows = self.page.evaluate("document.querySelectorAll('#token-card tr').length")
        require(rows >= 2, f"the card shows {rows} alternatives")
        self.shoot("probabilities-1440-light")
        self.page.evaluate("document.activeElement.blur()")
        self.page.press("b")
        require(self.page.evaluate(f"!{LAST_ANSWER}.querySelector('.token[data-index]')"), "“b” did not turn the colours off")
        self.page.press("b")
        self.click("#setting-probabilities")

    def check_stop(self):
        """Esc stops an answer and keeps what had come"""
        self.set_number("max_tokens", 2000)
        self.send("Write a very long story about a lighthouse, with many chapters.")
        self.page.wait(f"{LAST_ANSWER}?.querySelector('.answer').textContent.length > 0 || !({RUNNING})", FIRST_TOKEN_SECONDS, "the first words")
        was_running = self.page.evaluate(RUNNING)
        self.page.press("Escape")
        self.page.wait(f"!({RUNNING})", STEP_SECONDS, "the answer stopped")
        if was_running:
            require("Stopped." in self.page.evaluate(f"{LAST_ANSWER}.querySelector('.ending').textContent"), "the answer does not say that it was stopped")
        require(self.page.evaluate(f"{LAST_ANSWER}.querySelector('.answer').textContent.length > 0"), "what had come is gone")

    def check_again_and_delete(self):
        """an answer can be made again, and deleted and brought back"""
        self.set_number("max_tokens", 16)
        self.page.evaluate(f"{LAST_ANSWER}.querySelector('[aria-label=\"Answer again\"]').click()")
        self.page.wait(f"{LAST_ANSWER}.querySelector('.variants')?.textContent.includes('2/2')", ANSWER_SECONDS, "the second answer is counted")
        self.wait_for_answer()
        turns = self.page.evaluate(TURNS)
        self.page.evaluate(f"{LAST_ANSWER}.querySelector('[aria-label=\"Delete answer\"]').click()")
        require(self.page.evaluate(TURNS) == turns - 1, "the answer was not deleted")
        self.click("#toast button")
        require(self.page.evaluate(TURNS) == turns, "Undo did not bring the answer back")

    def check_edit(self):
        """a message can be edited and is answered anew"""
        self.page.evaluate("[...document.querySelectorAll('[aria-label=\"Edit message\"]')].at(-1).click()")
        self.page.wait("document.activeElement.matches('.edit-form textarea')", STEP_SECONDS, "the editing field has the keyboard")
        self.page.evaluate("document.activeElement.select()")
        self.page.type("Say goodbye.")
        self.page.press("Enter")
        self.page.wait("[...document.querySelectorAll('.question')].at(-1).textContent === 'Say goodbye.'", STEP_SECONDS, "the message changed")
        self.wait_for_answer()

    def check_snippets(self):
        """the request as code names the model and the parameters"""
        self.page.evaluate("document.getElementById('draft').focus()")
        self.page.type("It's a \"quoted\" draft")
        self.click("#open-snippets")
        for tab, parts in (("curl", ("curl ", '"max_tokens": 16')), ("python", ("OpenAI(", "max_tokens=16")), ("swift", ("URLRequest", '"max_tokens": 16'))):
            self.click(f"#tab-{tab}")
            code = self.text("#snippet-code")
            for part in (*parts, self.model, self.base, "draft"):
                require(part in code, f"the {tab} code lacks {part}")
            require("PRSM_API_KEY" in code, f"the {tab} code does not read the key from the environment")
        self.shoot("snippets-1440-light")
        self.page.press("Escape")
        self.page.wait("!document.getElementById('snippets').open", STEP_SECONDS, "the dialog closed")
        self.page.evaluate("(() => { const field = document.getElementById('draft'); field.value = ''; field.dispatchEvent(new Event('input')) })()")

    def check_shortcuts(self):
        """“?” lists the keyboard shortcuts"""
        self.page.evaluate("document.activeElement.blur()")
        self.page.press("?")
        self.page.wait("document.getElementById('shortcuts').open", STEP_SECONDS, "the list opened")
        self.page.press("Escape")
        self.page.wait("!document.getElementById('shortcuts').open", STEP_SECONDS, "the list closed")

    def check_theme(self):
        """the theme follows the system and can be chosen"""
        colour = "getComputedStyle(document.body).backgroundColor"
        light = self.page.evaluate(colour)
        self.page.media(prefers_color_scheme="dark")
        dark = self.page.evaluate(colour)
        require(light != dark, f"light and dark are both {light}")
        self.shoot("chat-1440-dark")
        self.click("#theme")
        require(self.page.evaluate(colour) == light, "the button did not choose light")
        self.click("#theme")
        require(self.page.evaluate(colour) == dark, "the button did not choose dark")
        self.click("#theme")
        self.page.media(prefers_color_scheme="light")
        require(self.page.evaluate(colour) == light, "the button did not return to the system's theme")

    def check_names(self):
        """every interactive element has an accessible name"""
        unnamed = []
        for node in self.page.accessibility():
            role = node.get("role", {}).get("value")
            if role in ROLES and not str(node.get("name", {}).get("value", "")).strip():
                unnamed.append(role)
        require(not unnamed, f"without a name: {', '.join(unnamed)}")

    def check_landmarks(self):
        """a screen reader finds the parts of the page"""
        roles = {node.get("role", {}).get("value") for node in self.page.accessibility()}
        missing = {"main", "banner", "navigation", "complementary"} - roles
        require(not missing, f"landmarks missing: {', '.join(sorted(missing))}")

    def check_widths(self):
        """nothing scrolls sideways at 1440, 768 and 360 pixels"""
        for width, height in WIDTHS:
            self.page.resize(width, height, mobile=width < 500)
            self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
            for selector in ("html", "body", "#scroller", ".bar", "#composer"):
                wide = self.page.evaluate(
                    f"(() => {{ const n = document.querySelector('{selector}'); return n.scrollWidth - n.clientWidth }})()")
                require(wide <= 0, f"at {width} pixels {selector} is {wide} pixels too wide")
            self.shoot(f"chat-{width}-light")
        self.click("#toggle-parameters")
        box = self.page.evaluate("(() => { const b = document.getElementById('parameters').getBoundingClientRect(); return [b.left, b.right] })()")
        require(box[0] >= 0 and box[1] <= 360, f"the parameters reach from {box[0]} to {box[1]}")
        self.shoot("parameters-360-light")
        self.check_names()
        self.page.press("Escape")
        require(self.page.evaluate("document.getElementById('parameters').inert"), "Esc did not close the parameters")

    def check_kept(self):
        """conversations survive a reload"""
        before = self.page.evaluate(TURNS)
        self.page.resize(*WIDTHS[0])
        self.page.open("about:blank")
        self.page.open(self.base + "/")
        self.page.wait(f"{TURNS} === {before}", STEP_SECONDS, f"{before} turns are back")

    def check_quiet(self):
        """no console errors, no policy violations, no request to another origin"""
        self.page.observe()
        require(not self.page.complaints, "; ".join(self.page.complaints[:5]))
        strangers = [url for url in self.page.requests
                     if not url.startswith((self.base + "/", "data:", "about:", "blob:" + self.base))]
        require(not strangers, f"the page asked for {', '.join(strangers[:5])}")
        require(self.page.requests, "no request was seen at all")

    # From here on the browser answers in the node's place, so what it logs about failed calls is expected

    def fail_with(self, status, headers, body):
        """Sends a message whose call the browser answers, and returns what the notice says."""
        self.page.intercept("*/v1/chat/completions")
        self.send("This one does not arrive.")
        self.page.fulfill(status, headers, body, STEP_SECONDS)
        notice = self.page.wait(f"{LAST_ANSWER}.querySelector('.notice')?.textContent", STEP_SECONDS, "a notice")
        self.page.intercept(None)
        return notice

    def check_busy(self):
        """429 counts down to the next try"""
        body = {"error": {"message": "Too many requests.", "type": "rate_limit_error", "param": None, "code": None}}
        notice = self.fail_with(429, {"Retry-After": "2", "Content-Type": "application/json"}, json.dumps(body))
        require("Too many requests." in notice and "Try again in" in notice, f"the notice says “{notice}”")
        button = f"{LAST_ANSWER}.querySelector('.notice button')"
        require(self.page.evaluate(f"{button}.disabled"), "the button can be pressed too early")
        self.page.wait(f"!{button}.disabled", STEP_SECONDS, "the countdown ended")
        self.page.evaluate(f"{button}.click()")
        self.wait_for_answer()

    def check_key(self):
        """401 asks for a key and keeps it for this tab only"""
        had = self.page.evaluate("sessionStorage.getItem('prsm.api-key')")
        self.page.evaluate("sessionStorage.removeItem('prsm.api-key')")
        body = {"error": {"message": "No API key.", "type": "authentication_error", "param": None, "code": "invalid_api_key"}}
        self.fail_with(401, {"Content-Type": "application/json"}, json.dumps(body))
        self.page.wait("document.getElementById('key-dialog').open", STEP_SECONDS, "the key dialog opened")
        self.shoot("key-1440-light")
        self.page.type(had or "a-key-for-this-test")
        self.page.press("Enter")
        self.page.wait("sessionStorage.getItem('prsm.api-key')", STEP_SECONDS, "the key is kept for the tab")
        kept = self.page.evaluate("Object.keys(localStorage).some((name) => localStorage[name].includes(sessionStorage.getItem('prsm.api-key')))")
        require(not kept, "the key is in localStorage")
        self.page.wait(f"!({RUNNING})", ANSWER_SECONDS, "the message was sent again with the key")
        if not had:
            self.page.evaluate("sessionStorage.removeItem('prsm.api-key')")

    def check_lost(self):
        """a connection lost keeps what had come"""
        chunk = {"choices": [{"index": 0, "delta": {"content": "half an ans"}, "finish_reason": None}]}
        notice = self.fail_with(200, {"Content-Type": "text/event-stream"}, f"data: {json.dumps(chunk)}\n\n")
        require("lost" in notice, f"the notice says “{notice}”")
        require(self.page.evaluate(f"{LAST_ANSWER}.querySelector('.answer').textContent") == "half an ans", "what had come is gone")
        self.shoot("lost-1440-light")

    def check_harmless(self):
        """an answer cannot bring markup, scripts or other origins"""
        hostile = ("<img src=x onerror=alert(1)><script>alert(1)</script> [a](javascript:alert(1)) ![b](http://192.0.2.1/b.png) "
                   "[c](data:text/html,c) [d](/v1/models)\n\n```html\n<script>alert(1)</script>\n```\n\n| <b>x</b> |\n|---|\n| <i>y</i> |")
        chunk = {"choices": [{"index": 0, "delta": {"content": hostile}, "finish_reason": "stop"}]}
        self.page.intercept("*/v1/chat/completions")
        self.send("This one is hostile.")
        self.page.fulfill(200, {"Content-Type": "text/event-stream"}, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n", STEP_SECONDS)
        self.page.wait(f"!({RUNNING}) && {LAST_ANSWER}.querySelector('.answer table') !== null", STEP_SECONDS, "the answer is drawn")
        self.page.intercept(None)
        found = self.page.evaluate(f"[...{LAST_ANSWER}.querySelectorAll('img, script, iframe, b, i, [onerror], a')].map((node) => node.outerHTML)")
        require(len(found) == 1 and 'href="http://192.0.2.1/b.png"' in found[0], f"drawn as markup: {found}")
        self.page.observe()
        require(not any("192.0.2.1" in url for url in self.page.requests), "the page fetched an address of the answer")

    def check_unreachable(self):
        """a node that does not answer is named as such"""
        notice = self.fail_with(None, {}, "")
        require("does not answer" in notice, f"the notice says “{notice}”")

    def checks(self):
        names = ("headers", "models", "stream", "figures", "announcement", "probabilities", "stop", "again_and_delete",
                 "edit", "snippets", "shortcuts", "theme", "names", "landmarks", "widths", "kept", "quiet", "busy", "key",
                 "lost", "harmless", "unreachable")
        return [getattr(self, f"check_{name}") for name in names]


def run(base, output):
    """Runs all checks and returns the exit code."""
    os.makedirs(output, exist_ok=True)
    failed = 0
    colour = sys.stdout.isatty()
    with Browser() as browser:
        print(f"{browser.version}, {base}")
        page = Page(browser)
        playground = Playground(page, base, output)
        checks = playground.checks()
        for check in checks:
            start = time.monotonic()
            problem = None
            try:
                check()
                page.observe()
            except (Failed, TimeoutError, BrowserError, OSError, urllib.error.URLError) as error:
                problem = str(error) or type(error).__name__
            words = "FAIL" if problem else "pass"
            if colour:
                words = f"\033[{31 if problem else 32}m{words}\033[0m"
            print(f"{words}  {check.__doc__}  ({time.monotonic() - start:.1f} s)", flush=True)
            if not problem:
                continue
            failed += 1
            print(f"      {problem}", flush=True)
            try:
                page.screenshot(os.path.join(output, f"failed-{check.__name__.removeprefix('check_')}.png"))
                page.observe()
                if check.__name__ == "check_models":
                    print("\n".join(f"      {each}" for each in page.complaints[:5]) or "      the page reported nothing")
                    print("      the remaining checks need the models: not run")
                    break
            except (TimeoutError, BrowserError) as error:
                print(f"      the browser is gone: {error}")
                break
    print(f"{'FAILED' if failed else 'passed'}: {len(checks)} checks, {failed} failed; pictures in {output}")
    return 1 if failed else 0
