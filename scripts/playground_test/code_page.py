"""The page Code: a program is searched for, its candidates are shown, and the search is replayed."""

from .playground import ANSWER_SECONDS, STEP_SECONDS, WIDTHS, require

READY = "document.getElementById('code-model').options.length > 0"
ITEMS = "document.querySelectorAll('#tree li[data-candidate]').length"


def code(test):
    """a program is searched for, with its candidates and what they did"""
    test.page.open(test.base + "/playground/code.html")
    test.page.wait(READY, STEP_SECONDS, "the models were listed")
    test.page.evaluate("document.getElementById('budget').value = '96'")
    test.click("#run")
    test.page.wait("!document.getElementById('halt').hidden", STEP_SECONDS, "the search began")
    test.page.wait("!document.getElementById('run').disabled", ANSWER_SECONDS, "the search ended")
    require(test.page.evaluate("document.getElementById('problem').hidden"), test.text("#problem"))
    verdict = test.text("#verdict")
    require("tokens" in verdict and "runs" in verdict, f"the verdict is {verdict!r}")
    require(test.page.evaluate(ITEMS) > 0, "no candidate was shown")
    test.click("#tree li[data-candidate] summary")
    test.page.wait(
        "document.querySelector('#tree li[data-candidate] pre') !== null", STEP_SECONDS, "a candidate was opened"
    )
    for theme in ("light", "dark"):
        test.page.media(prefers_color_scheme=theme)
        test.shoot(f"code-1440-{theme}")
    test.page.media(prefers_color_scheme="light")


def replay(test):
    """a search is replayed step by step"""
    items = test.page.evaluate(ITEMS)
    test.page.evaluate(
        "(() => { const place = document.getElementById('replay-place'); place.value = '1';"
        "place.dispatchEvent(new Event('input')) })()"
    )
    require(test.page.evaluate(ITEMS) < items, "the stage was not emptied")
    test.page.evaluate(
        "(() => { const place = document.getElementById('replay-place'); place.value = place.max;"
        "place.dispatchEvent(new Event('input')) })()"
    )
    require(test.page.evaluate(ITEMS) == items, "the replay ends with other candidates")


def code_widths(test):
    """the page Code does not scroll sideways at 1440, 768 and 360 pixels"""
    for width, height in WIDTHS:
        test.page.resize(width, height, mobile=width < 500)
        test.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
        for selector in ("html", "body", "#content", ".bar"):
            wide = test.page.evaluate(
                f"(() => {{ const n = document.querySelector('{selector}'); return n.scrollWidth - n.clientWidth }})()"
            )
            require(wide <= 0, f"at {width} pixels {selector} is {wide} pixels too wide")
        test.shoot(f"code-{width}-light")
    test.page.resize(*WIDTHS[0], mobile=False)


def back(test):
    """the chat is where it was"""
    test.page.open(test.base + "/")
    test.page.wait("!document.getElementById('model').disabled", STEP_SECONDS, "the model list filled")
