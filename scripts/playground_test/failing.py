"""What the page says when a call fails. The browser answers in the node's place, so any node will do."""

import json

from .playground import ANSWER_SECONDS, LAST_ANSWER, RUNNING, STEP_SECONDS, require


def fail_with(test, status, headers, body):
    """Sends a message whose call the browser answers, and returns what the notice says."""
    test.page.intercept("*/v1/chat/completions")
    test.send("This one does not arrive.")
    test.page.fulfill(status, headers, body, STEP_SECONDS)
    notice = test.page.wait(f"{LAST_ANSWER}.querySelector('.notice')?.textContent", STEP_SECONDS, "a notice")
    test.page.intercept(None)
    return notice


def busy(test):
    """429 counts down to the next try"""
    body = {"error": {"message": "Too many requests.", "type": "rate_limit_error", "param": None, "code": None}}
    notice = fail_with(test, 429, {"Retry-After": "2", "Content-Type": "application/json"}, json.dumps(body))
    require("Too many requests." in notice and "Try again in" in notice, f"the notice says “{notice}”")
    button = f"{LAST_ANSWER}.querySelector('.notice button')"
    require(test.page.evaluate(f"{button}.disabled"), "the button can be pressed too early")
    test.page.wait(f"!{button}.disabled", STEP_SECONDS, "the countdown ended")
    test.page.evaluate(f"{button}.click()")
    test.wait_for_answer()


def key(test):
    """401 asks for a key and keeps it for this tab only"""
    had = test.page.evaluate("sessionStorage.getItem('prsm.api-key')")
    test.page.evaluate("sessionStorage.removeItem('prsm.api-key')")
    body = {
        "error": {"message": "No API key.", "type": "authentication_error", "param": None, "code": "invalid_api_key"}
    }
    fail_with(test, 401, {"Content-Type": "application/json"}, json.dumps(body))
    test.page.wait("document.getElementById('key-dialog').open", STEP_SECONDS, "the key dialog opened")
    test.shoot("key-1440-light")
    test.page.type(had or "a-key-for-this-test")
    test.page.press("Enter")
    test.page.wait("sessionStorage.getItem('prsm.api-key')", STEP_SECONDS, "the key is kept for the tab")
    kept = test.page.evaluate(
        "Object.keys(localStorage).some((name) => localStorage[name].includes(sessionStorage.getItem('prsm.api-key')))"
    )
    require(not kept, "the key is in localStorage")
    test.page.wait(f"!({RUNNING})", ANSWER_SECONDS, "the message was sent again with the key")
    if not had:
        test.page.evaluate("sessionStorage.removeItem('prsm.api-key')")


def lost(test):
    """a connection lost keeps what had come"""
    chunk = {"choices": [{"index": 0, "delta": {"content": "half an ans"}, "finish_reason": None}]}
    notice = fail_with(test, 200, {"Content-Type": "text/event-stream"}, f"data: {json.dumps(chunk)}\n\n")
    require("lost" in notice, f"the notice says “{notice}”")
    require(
        test.page.evaluate(f"{LAST_ANSWER}.querySelector('.answer').textContent") == "half an ans",
        "what had come is gone",
    )
    test.shoot("lost-1440-light")


def harmless(test):
    """an answer cannot bring markup, scripts or other origins"""
    hostile = (
        "<img src=x onerror=alert(1)><script>alert(1)</script> [a](javascript:alert(1)) ![b](http://192.0.2.1/b.png) "
        "[c](data:text/html,c) [d](/v1/models)\n\n```html\n<script>alert(1)</script>\n```\n\n"
        "| <b>x</b> |\n|---|\n| <i>y</i> |"
    )
    chunk = {"choices": [{"index": 0, "delta": {"content": hostile}, "finish_reason": "stop"}]}
    test.page.intercept("*/v1/chat/completions")
    test.send("This one is hostile.")
    test.page.fulfill(
        200, {"Content-Type": "text/event-stream"}, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n", STEP_SECONDS
    )
    test.page.wait(
        f"!({RUNNING}) && {LAST_ANSWER}.querySelector('.answer table') !== null", STEP_SECONDS, "the answer is drawn"
    )
    test.page.intercept(None)
    found = test.page.evaluate(
        f"[...{LAST_ANSWER}.querySelectorAll('img, script, iframe, b, i, [onerror], a')].map((node) => node.outerHTML)"
    )
    require(len(found) == 1 and 'href="http://192.0.2.1/b.png"' in found[0], f"drawn as markup: {found}")
    test.page.observe()
    require(not any("192.0.2.1" in url for url in test.page.requests), "the page fetched an address of the answer")


def unreachable(test):
    """a node that does not answer is named as such"""
    notice = fail_with(test, None, {}, "")
    require("does not answer" in notice, f"the notice says “{notice}”")
