"""Talking to the model: the list, sending, streaming, stopping, changing."""

import json
import os
import time

from .playground import ANSWER_SECONDS, FIRST_TOKEN_SECONDS, LAST_ANSWER, RUNNING, STEP_SECONDS, TURNS, WIDTHS, require


def models(test):
    """the model list fills"""
    test.page.resize(*WIDTHS[0])
    test.page.media(prefers_color_scheme="light")
    key = os.environ.get("PRSM_API_KEY")
    if key:
        test.page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            {"source": f"sessionStorage.setItem('prsm.api-key', {json.dumps(key)})"},
        )
    test.page.open(test.base + "/")
    test.page.wait("!document.getElementById('model').disabled", 30, "the model list filled")
    test.model = test.page.evaluate("document.getElementById('model').value")
    require(test.model, "the first model has no name")
    require(test.model in test.text("#welcome"), "the welcome does not name the model")
    test.shoot("welcome-1440-light")


def stream(test):
    """a message sent by keyboard streams an answer"""
    test.set_number("max_tokens", 80)
    test.set_number("temperature", 0.3)
    test.set_number("seed", 7)
    test.page.evaluate("""(() => {
      window.playgroundGrowth = new Set();
      new MutationObserver(() => {
        const answer = document.querySelector('.turn.assistant.running .answer');
        if (answer) playgroundGrowth.add(answer.textContent.length);
      }).observe(document.getElementById('transcript'), {
        subtree: true, childList: true, characterData: true, attributes: true });
    })()""")
    start = time.monotonic()
    test.send("Why does a prism split white light? Answer in two sentences.")
    require(test.page.evaluate("document.activeElement.id") == "draft", "the keyboard left the message field")
    test.page.wait(
        f"{LAST_ANSWER}?.querySelector('.answer').textContent.length > 0", FIRST_TOKEN_SECONDS, "the first words"
    )
    test.wait_for_answer()
    lengths = test.page.evaluate("playgroundGrowth.size")
    # An answer that is there at once has nothing to grow.
    require(
        lengths >= 2 or time.monotonic() - start < 1,
        f"the answer did not grow while it streamed; {lengths} lengths were seen",
    )


def figures(test):
    """an answer shows its speed and its counts"""
    figures = test.page.evaluate(f"{LAST_ANSWER}.querySelector('.figures').textContent")
    for name in ("tokens/s", "to first token", "tokens out", "tokens in"):
        require(name in figures, f"the figures lack “{name}”: {figures}")


def announcement(test):
    """a screen reader hears the answer once"""
    said = test.page.wait("document.getElementById('announcer').textContent", STEP_SECONDS, "an announcement")
    require(said.startswith("Answer: "), f"the live region says “{said[:80]}”")


def probabilities(test):
    """tokens are coloured by probability, with alternatives by keyboard"""
    test.click("#setting-probabilities")
    test.send("And why is the sky blue? Answer in two sentences.")
    test.wait_for_answer()
    tokens = test.page.evaluate(f"{LAST_ANSWER}.querySelectorAll('.token[data-index]').length")
    require(tokens > 0, "the answer has no coloured tokens; did the node send logprobs?")
    require(test.page.evaluate(f"{LAST_ANSWER}.querySelectorAll('.legend dd').length") == 5, "the legend lacks bands")
    test.page.evaluate(f"{LAST_ANSWER}.querySelector('.token[data-index]').focus()")
    if tokens > 1:
        test.page.press("ArrowRight")
        require(test.page.evaluate("document.activeElement.dataset.index") == "1", "the arrow key did not move on")
    card = test.text("#token-card")
    require("%" in card, f"the card shows no probability: {card}")
    rows = test.page.evaluate("document.querySelectorAll('#token-card tr').length")
    require(rows >= 2, f"the card shows {rows} alternatives")
    # For the picture, a token that the model hesitated over; any will do.
    test.page.evaluate(
        f"({LAST_ANSWER}.querySelector('.token[data-index]:is(.open, .unlikely):not(:first-child)')"
        f" ?? {LAST_ANSWER}.querySelector('.token[data-index]')).focus({{ focusVisible: true }})"
    )
    test.shoot("probabilities-1440-light")
    test.page.media(prefers_color_scheme="dark")
    test.shoot("probabilities-1440-dark")
    test.page.media(prefers_color_scheme="light")
    test.page.evaluate("document.activeElement.blur()")
    test.page.press("b")
    require(
        test.page.evaluate(f"!{LAST_ANSWER}.querySelector('.token[data-index]')"), "“b” did not turn the colours off"
    )
    test.page.press("b")
    test.click("#setting-probabilities")


def stop(test):
    """Esc stops an answer and keeps what had come"""
    test.set_number("max_tokens", 2000)
    test.send("Write a very long story about a lighthouse, with many chapters.")
    test.page.wait(
        f"{LAST_ANSWER}?.querySelector('.answer').textContent.length > 0 || !({RUNNING})",
        FIRST_TOKEN_SECONDS,
        "the first words",
    )
    was_running = test.page.evaluate(RUNNING)
    test.page.press("Escape")
    test.page.wait(f"!({RUNNING})", STEP_SECONDS, "the answer stopped")
    if was_running:
        require(
            "Stopped." in test.page.evaluate(f"{LAST_ANSWER}.querySelector('.ending').textContent"),
            "the answer does not say that it was stopped",
        )
    require(
        test.page.evaluate(f"{LAST_ANSWER}.querySelector('.answer').textContent.length > 0"), "what had come is gone"
    )


def again_and_delete(test):
    """an answer can be made again, and deleted and brought back"""
    test.set_number("max_tokens", 16)
    test.page.evaluate(f"{LAST_ANSWER}.querySelector('[aria-label=\"Answer again\"]').click()")
    test.page.wait(
        f"{LAST_ANSWER}.querySelector('.variants')?.textContent.includes('2/2')",
        ANSWER_SECONDS,
        "the second answer is counted",
    )
    test.wait_for_answer()
    turns = test.page.evaluate(TURNS)
    test.page.evaluate(f"{LAST_ANSWER}.querySelector('[aria-label=\"Delete answer\"]').click()")
    require(test.page.evaluate(TURNS) == turns - 1, "the answer was not deleted")
    test.click("#toast button")
    require(test.page.evaluate(TURNS) == turns, "Undo did not bring the answer back")


def edit(test):
    """a message can be edited and is answered anew"""
    test.page.evaluate("[...document.querySelectorAll('[aria-label=\"Edit message\"]')].at(-1).click()")
    test.page.wait(
        "document.activeElement.matches('.edit-form textarea')", STEP_SECONDS, "the editing field has the keyboard"
    )
    test.page.evaluate("document.activeElement.select()")
    test.page.type("Say goodbye.")
    test.page.press("Enter")
    test.page.wait(
        "[...document.querySelectorAll('.question')].at(-1).textContent === 'Say goodbye.'",
        STEP_SECONDS,
        "the message changed",
    )
    test.wait_for_answer()


def kept(test):
    """conversations survive a reload"""
    before = test.page.evaluate(TURNS)
    test.page.resize(*WIDTHS[0])
    test.page.open("about:blank")
    test.page.open(test.base + "/")
    test.page.wait(f"{TURNS} === {before}", STEP_SECONDS, f"{before} turns are back")
