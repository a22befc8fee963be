"""Steps that the checks share. Nothing here or in the checks depends on what the model says."""

import json
import os

# A tiny model on a busy two-core machine, loading first: slow, but bounded.
ANSWER_SECONDS = 240
FIRST_TOKEN_SECONDS = 120
STEP_SECONDS = 15
WIDTHS = ((1440, 900), (768, 900), (360, 740))
LAST_ANSWER = "[...document.querySelectorAll('.turn.assistant')].at(-1)"
TURNS = "document.querySelectorAll('.turn').length"
RUNNING = "!document.getElementById('stop').hidden"


class Failed(Exception):
    """A check found something else than it should."""


def require(condition, words):
    if not condition:
        raise Failed(words)


class Playground:
    """The page under test, at `base`; pictures go to the folder `output`."""

    def __init__(self, page, base, output):
        self.page = page
        self.base = base
        self.output = output
        self.model = None

    def text(self, selector):
        return self.page.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")

    def click(self, selector):
        found = self.page.evaluate(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)}); node?.click(); return !!node }})()"
        )
        require(found, f"there is no {selector}")

    def shoot(self, name):
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 120)))")
        self.page.screenshot(os.path.join(self.output, f"{name}.png"))

    def set_number(self, name, value):
        self.page.evaluate(
            f"(() => {{ const field = document.getElementById('setting-{name}'); field.value = '{value}';"
            "field.dispatchEvent(new Event('input', { bubbles: true })) })()"
        )

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
