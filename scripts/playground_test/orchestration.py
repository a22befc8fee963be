"""The answer of a virtual model, where the node has one: its members are drawn as they work."""

from .playground import FIRST_TOKEN_SECONDS, LAST_ANSWER, STEP_SECONDS, require

PANEL = f"{LAST_ANSWER}?.querySelector('.orchestration')"


def orchestration(test):
    """the calls of a virtual model are drawn as they happen"""
    names = test.page.evaluate(
        "fetch('/v1/models').then((each) => each.json())"
        ".then(({ data }) => data.filter(({ owned_by }) => owned_by === 'virtual').map(({ id }) => id))"
    )
    if not names:
        print("      this node has no virtual model: not looked at", flush=True)
        return
    test.page.evaluate(
        "(() => { const field = document.getElementById('model'); field.value = " + repr(names[0]) + ";"
        "field.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )
    test.set_number("max_tokens", 60)
    test.send("Name three colours of the rainbow.")
    test.page.wait(f"{PANEL}?.hidden === false", FIRST_TOKEN_SECONDS, "the panel")
    # It is open while the answer is made; one that was in the cache was there at once.
    test.page.evaluate(f"{PANEL}.setAttribute('open', '')")
    test.page.wait(f"{PANEL}.querySelectorAll('.call').length > 0", FIRST_TOKEN_SECONDS, "the first call")
    test.page.wait(f"{PANEL}.querySelectorAll('.call.running').length > 0 || {PANEL}.querySelectorAll('.mark').length > 0", STEP_SECONDS, "a call at work")
    test.shoot("orchestration-running-1440-light")
    test.wait_for_answer()
    test.page.wait(f"{PANEL}.querySelectorAll('.call.chosen').length > 0", STEP_SECONDS, "the call that the answer is from")
    require(
        test.page.evaluate(f"{PANEL}.querySelectorAll('.call.running').length") == 0, "a call is still drawn as running"
    )
    summary = test.page.evaluate(f"{PANEL}.querySelector('summary').textContent")
    require("call" in summary and "tokens" in summary, f"the summary says “{summary}”")
    test.page.evaluate(f"{PANEL}.scrollIntoView({{ block: 'start' }})")
    test.shoot("orchestration-1440-light")
    test.page.media(prefers_color_scheme="dark")
    test.shoot("orchestration-1440-dark")
    test.page.media(prefers_color_scheme="light")
    # After a reload the node is asked once the panel is opened.
    test.page.open(test.base + "/")
    test.page.wait(f"{PANEL}?.hidden === false && !{PANEL}.open", STEP_SECONDS, "the closed panel after a reload")
    test.page.evaluate(f"{PANEL}.setAttribute('open', '')")
    test.page.wait(f"{PANEL}.querySelectorAll('.call').length > 0", STEP_SECONDS, "the calls, read from the node")
    test.page.evaluate(
        "(() => { const field = document.getElementById('model'); field.value = " + repr(test.model) + ";"
        "field.dispatchEvent(new Event('change', { bubbles: true })) })()"
    )
