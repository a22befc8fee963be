"""The checks in their order, and running them. Later ones build on the conversation that earlier ones made."""

import os
import sys
import time

from . import code_page, content, conversation, failing, modules, orchestration, reports, surface
from .browser import Browser, BrowserError, Page
from .playground import Failed, Playground

CHECKS = (
    surface.headers,
    conversation.models,
    modules.modules,
    conversation.stream,
    conversation.figures,
    conversation.announcement,
    conversation.probabilities,
    conversation.stop,
    conversation.again_and_delete,
    conversation.edit,
    surface.snippets,
    surface.shortcuts,
    surface.theme,
    surface.names,
    surface.landmarks,
    surface.widths,
    conversation.kept,
    orchestration.orchestration,
    surface.quiet,
    reports.routing,
    reports.cost,
    reports.back,
    code_page.code,
    code_page.replay,
    code_page.code_widths,
    code_page.back,
    failing.busy,
    failing.key,
    failing.lost,
    failing.harmless,
    failing.unreachable,
    content.page,
)


def run(base, output):
    """Runs all checks and returns the exit code."""
    os.makedirs(output, exist_ok=True)
    failed = 0
    colour = sys.stdout.isatty()
    with Browser() as browser:
        print(f"{browser.version}, {base}")
        page = Page(browser)
        playground = Playground(page, base, output)
        for check in CHECKS:
            start = time.monotonic()
            problem = None
            try:
                check(playground)
                page.observe()
            except (Failed, TimeoutError, BrowserError, OSError) as error:
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
                page.screenshot(os.path.join(output, f"failed-{check.__name__}.png"))
                page.observe()
                if check is conversation.models:
                    print(
                        "\n".join(f"      {each}" for each in page.complaints[:5]) or "      the page reported nothing"
                    )
                    print("      the remaining checks need the models: not run")
                    break
            except (TimeoutError, BrowserError) as error:
                print(f"      the browser is gone: {error}")
                break
    print(f"{'FAILED' if failed else 'passed'}: {len(CHECKS)} checks, {failed} failed; pictures in {output}")
    return 1 if failed else 0
