"""The page itself: what it forbids, shows, and lets be reached."""

import urllib.request

from .playground import STEP_SECONDS, WIDTHS, require

ROLES = {
    "button",
    "link",
    "textbox",
    "combobox",
    "checkbox",
    "slider",
    "spinbutton",
    "tab",
    "option",
    "listbox",
    "searchbox",
    "radio",
    "switch",
    "menuitem",
    "ComboBoxMenuSelect",
}


def headers(test):
    """the page forbids inline code and other origins"""
    with urllib.request.urlopen(test.base + "/", timeout=STEP_SECONDS) as response:
        policy = response.headers.get("Content-Security-Policy", "")
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        require(part in policy, f"the Content-Security-Policy lacks {part}: {policy or 'there is none'}")
    require("unsafe" not in policy, f"the Content-Security-Policy allows something unsafe: {policy}")


def snippets(test):
    """the request as code names the model and the parameters"""
    test.page.evaluate("document.getElementById('draft').focus()")
    test.page.type('It\'s a "quoted" draft')
    test.click("#open-snippets")
    for tab, parts in (
        ("curl", ("curl ", '"max_tokens": 16')),
        ("python", ("OpenAI(", "max_tokens=16")),
        ("swift", ("URLRequest", '"max_tokens": 16')),
    ):
        test.click(f"#tab-{tab}")
        code = test.text("#snippet-code")
        for part in (*parts, test.model, test.base, "draft"):
            require(part in code, f"the {tab} code lacks {part}")
        require("PRSM_API_KEY" in code, f"the {tab} code does not read the key from the environment")
    test.shoot("snippets-1440-light")
    test.page.press("Escape")
    test.page.wait("!document.getElementById('snippets').open", STEP_SECONDS, "the dialog closed")
    test.page.evaluate(
        "(() => { const field = document.getElementById('draft'); field.value = '';"
        " field.dispatchEvent(new Event('input')) })()"
    )


def shortcuts(test):
    """“?” lists the keyboard shortcuts"""
    test.page.evaluate("document.activeElement.blur()")
    test.page.press("?")
    test.page.wait("document.getElementById('shortcuts').open", STEP_SECONDS, "the list opened")
    test.page.press("Escape")
    test.page.wait("!document.getElementById('shortcuts').open", STEP_SECONDS, "the list closed")


def theme(test):
    """the theme follows the system and can be chosen"""
    colour = "getComputedStyle(document.body).backgroundColor"
    light = test.page.evaluate(colour)
    test.page.media(prefers_color_scheme="dark")
    dark = test.page.evaluate(colour)
    require(light != dark, f"light and dark are both {light}")
    test.shoot("chat-1440-dark")
    test.click("#theme")
    require(test.page.evaluate(colour) == light, "the button did not choose light")
    test.click("#theme")
    require(test.page.evaluate(colour) == dark, "the button did not choose dark")
    test.click("#theme")
    test.page.media(prefers_color_scheme="light")
    require(test.page.evaluate(colour) == light, "the button did not return to the system's theme")


def names(test):
    """every interactive element has an accessible name"""
    unnamed = []
    for node in test.page.accessibility():
        role = node.get("role", {}).get("value")
        if role in ROLES and not str(node.get("name", {}).get("value", "")).strip():
            unnamed.append(role)
    require(not unnamed, f"without a name: {', '.join(unnamed)}")


def landmarks(test):
    """a screen reader finds the parts of the page"""
    roles = {node.get("role", {}).get("value") for node in test.page.accessibility()}
    missing = {"main", "banner", "navigation", "complementary"} - roles
    require(not missing, f"landmarks missing: {', '.join(sorted(missing))}")


def widths(test):
    """nothing scrolls sideways at 1440, 768 and 360 pixels"""
    for width, height in WIDTHS:
        test.page.resize(width, height, mobile=width < 500)
        test.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
        for selector in ("html", "body", "#scroller", ".bar", "#composer"):
            wide = test.page.evaluate(
                f"(() => {{ const n = document.querySelector('{selector}'); return n.scrollWidth - n.clientWidth }})()"
            )
            require(wide <= 0, f"at {width} pixels {selector} is {wide} pixels too wide")
        test.shoot(f"chat-{width}-light")
    test.click("#toggle-parameters")
    box = test.page.evaluate(
        "(() => { const b = document.getElementById('parameters').getBoundingClientRect();"
        " return [b.left, b.right] })()"
    )
    require(box[0] >= 0 and box[1] <= 360, f"the parameters reach from {box[0]} to {box[1]}")
    test.shoot("parameters-360-light")
    names(test)
    test.page.press("Escape")
    require(test.page.evaluate("document.getElementById('parameters').inert"), "Esc did not close the parameters")


def quiet(test):
    """no console errors, no policy violations, no request to another origin"""
    test.page.observe()
    require(not test.page.complaints, "; ".join(test.page.complaints[:5]))
    strangers = [
        url
        for url in test.page.requests
        if not url.startswith((test.base + "/", "data:", "about:", "blob:" + test.base))
    ]
    require(not strangers, f"the page asked for {', '.join(strangers[:5])}")
    require(test.page.requests, "no request was seen at all")
