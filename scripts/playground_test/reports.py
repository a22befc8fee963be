"""The pages that report: choices of models, and what they cost."""

import json
import urllib.request

from . import surface
from .playground import ANSWER_SECONDS, STEP_SECONDS, WIDTHS, require


def post(test, path, body):
    """Sends JSON to the node and returns the response's headers."""
    request = urllib.request.Request(
        test.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
        response.read()
        return response.headers


def no_wider(test, name):
    """Fails where a page scrolls sideways at one of the widths, and takes its picture at each."""
    for width, height in WIDTHS:
        test.page.resize(width, height, mobile=width < 500)
        test.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
        for selector in ("html", "body", ".bar", "main"):
            wide = test.page.evaluate(
                f"(() => {{ const n = document.querySelector('{selector}'); return n.scrollWidth - n.clientWidth }})()"
            )
            require(wide <= 0, f"at {width} pixels {selector} of {name} is {wide} pixels too wide")
        test.shoot(f"{name}-{width}-light")
    surface.names(test)
    test.page.resize(*WIDTHS[0])
    test.page.media(prefers_color_scheme="dark")
    test.shoot(f"{name}-1440-dark")
    test.page.media(prefers_color_scheme="light")


def routing(test):
    """the page Routing shows a choice as it is made, with every candidate"""
    test.page.open(test.base + "/playground/routing.html")
    test.page.wait("document.querySelectorAll('#candidates tbody tr').length > 0", STEP_SECONDS, "the candidates")
    header = post(
        test,
        "/v1/chat/completions",
        {"model": "auto", "max_tokens": 4, "messages": [{"role": "user", "content": "Prove that 1 < 2."}]},
    ).get("x-prsm-route", "")
    require(header.startswith("id="), f"the answer has no x-prsm-route: {header}")
    name = header.split(";")[0][3:]
    item = f"document.querySelector('[data-route={json.dumps(name)}]')"
    test.page.wait(f"{item} !== null", STEP_SECONDS, f"the choice {name}")
    test.page.wait(f"{item}.textContent.includes('finished')", STEP_SECONDS, "what became of it")
    test.page.evaluate(f"{item}.querySelector('summary').click()")
    rows = test.page.evaluate(f"{item}.querySelectorAll('tbody tr').length")
    require(rows >= 1, "the choice shows no candidates")
    test.page.evaluate("document.getElementById('ask-prompt').focus()")
    test.page.type("What is 2 + 2?")
    test.page.press("Enter")
    test.page.wait("!document.getElementById('asked').hidden", STEP_SECONDS, "where a prompt would go")
    no_wider(test, "routing")


def cost(test):
    """the page Cost shows what was used"""
    test.page.open(test.base + "/playground/cost.html")
    test.page.wait("document.querySelectorAll('#lines tbody tr').length > 0", STEP_SECONDS, "what was used")
    require("Requests" in test.text("#sums"), "the sums are missing")
    test.page.wait("document.getElementById('forecast').textContent !== ''", STEP_SECONDS, "the forecast")
    test.page.evaluate(
        "(() => { const field = document.getElementById('range-by'); field.value = 'day';"
        " field.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )
    test.page.wait(
        "document.querySelector('#lines th').textContent === 'day'", STEP_SECONDS, "the lines by day"
    )
    no_wider(test, "cost")
    surface.quiet(test)


def back(test):
    """the way back to the chat keeps the conversation"""
    test.page.open("about:blank")
    test.page.open(test.base + "/")
    test.page.wait("document.querySelectorAll('.turn').length > 0", STEP_SECONDS, "the conversation is back")
    test.page.wait("!document.getElementById('model').disabled", STEP_SECONDS, "the model list filled")
