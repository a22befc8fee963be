"""The page's modules by themselves; the cases are in modules.js."""

import json
import os

from .playground import require


def modules(test):
    """the modules read events, parameters, figures and Markdown as they should"""
    with open(os.path.join(os.path.dirname(__file__), "modules.js"), encoding="utf-8") as file:
        source = file.read()
    # As an expression: without the comment above it and the semicolon after it.
    cases = source[source.index("({") :].rstrip().removesuffix(";")
    names = test.page.evaluate(f"Object.keys({cases})")
    require(len(names) > 0, "there are no cases")
    for name in names:
        found, expected = test.page.evaluate(f"{cases}[{json.dumps(name)}]()", deadline=60)
        require(found == expected, f"{name}: found {json.dumps(found)}, expected {json.dumps(expected)}")
