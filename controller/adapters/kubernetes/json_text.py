"""JSON as others write it: however deep it is nested, it is read, and takes nothing down. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

#: Deeper than any object that Kubernetes has a use for, and far from what Python can nest.
MOST_DEPTH = 200

#: Brackets, and strings, which may hold brackets that are none.
_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def decoded(text: str | bytes) -> Any:
    """Return the value of a text; what is nested deeper than ``MOST_DEPTH`` may be null.

    Raises:
        ValueError: if the text is no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        return json.loads(_pruned(text.decode() if isinstance(text, bytes) else text))


def _pruned(text: str) -> str:
    """Return a text with null in place of what is nested too deep."""
    kept: list[str] = []
    depth, copied_to = 0, 0
    for mark in _MARKS.finditer(text):
        if mark[0] in "[{":
            depth += 1
            if depth == MOST_DEPTH + 1:
                kept += (text[copied_to : mark.start()], "null")
        elif mark[0] in "]}":
            if depth == MOST_DEPTH + 1:
                copied_to = mark.end()
            depth -= 1
    # Of a text that ends too deep nothing is left to copy, and it is no JSON either way.
    return "".join((*kept, text[copied_to:] if depth <= MOST_DEPTH else ""))
