"""The page of what the node holds by content address."""

import json
import urllib.request

from .playground import STEP_SECONDS, require

DROP = """(() => {
  const transfer = new DataTransfer();
  const bytes = new Uint8Array(5_000_000).map((_, index) => index * 31 & 255);
  transfer.items.add(new File([bytes], "dropped.bin"));
  document.getElementById("drop").dispatchEvent(
    new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
})()"""
ROW = "[...document.querySelectorAll('#pins tbody tr')].find((row) => row.textContent.includes('dropped.bin'))"


def page(test):
    """a file that is dropped on the content page is added, shown, looked into, and given free"""
    test.page.resize(1440, 900)
    test.page.open(test.base + "/playground/content.html")
    test.page.wait("/blocks/.test(document.getElementById('usage').textContent)", STEP_SECONDS, "the node was asked")
    test.page.evaluate(DROP)
    test.page.wait(f"!!{ROW}", 4 * STEP_SECONDS, "the file is among the pins")
    test.page.wait(f"/MiB/.test({ROW}.textContent)", STEP_SECONDS, "its size is shown")
    cid = test.page.evaluate(f"{ROW}.querySelector('a.cid').title")
    with urllib.request.urlopen(f"{test.base}/ipfs/{cid}", timeout=STEP_SECONDS) as response:
        body = response.read()
    require(body == bytes(index * 31 & 255 for index in range(5_000_000)), "the node holds other bytes than were dropped")
    test.page.evaluate(f"{ROW}.querySelector('button').click()")
    test.page.wait("document.querySelectorAll('#dag > li').length === 5", STEP_SECONDS, "its blocks are listed")
    test.page.evaluate("document.querySelector('#dag button').click()")
    test.page.wait("document.querySelector('#dag ul:not([hidden]) li') !== null", STEP_SECONDS, "a block opens")
    themes = []
    for _ in range(3):
        test.page.evaluate("document.getElementById('theme').click()")
        themes.append(test.page.evaluate("document.documentElement.dataset.theme ?? 'system'"))
    require(set(themes) == {"system", "light", "dark"}, f"the theme steps through {themes}")
    test.shoot("content-1440")
    test.page.resize(360, 740, mobile=True)
    wide = test.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    require(not wide, "the page is wider than a telephone")
    test.shoot("content-360")
    test.page.resize(1440, 900)
    test.page.evaluate("window.confirm = () => true")
    test.page.evaluate(f"{ROW}.querySelector('[aria-label^=Unpin]').click()")
    test.page.wait(f"!{ROW}", STEP_SECONDS, "the pin is gone")
    test.page.evaluate(
        f"(() => {{ document.getElementById('path').value = {json.dumps('nonsense')};"
        "document.getElementById('look').requestSubmit() })()"
    )
    test.page.wait("!document.getElementById('dag-fault').hidden", STEP_SECONDS, "a wrong CID is told")
