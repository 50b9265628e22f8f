"""The front door's errors, each caught by the command line, which prints them and exits 2 (or 1).

HeadstartError
├── InvalidTraceError   a trace can't be used; one line: file, line, field, value, what is allowed
├── UsageError          an option or an output folder can't be used; one line as well
└── RunFailedError      the usage was right, but it can't be done now (no answer, say): exit 1
"""

from __future__ import annotations

_SHOWN_CHARACTERS = 40


class HeadstartError(Exception):
    """Anything the front door raises on purpose; its text is one line fit for a user."""


class InvalidTraceError(HeadstartError):
    """A trace is wrong."""

    @classmethod
    def at(cls, place: str, field: str, value: str, allowed: str) -> InvalidTraceError:
        """Say which value of which field is refused, and what is allowed instead.

        ``place`` is the file's name, with ``:line`` where a line is to blame.
        """
        return cls(f"{place}: {field}: {shown(value)} is not allowed: {allowed}")


class UsageError(HeadstartError):
    """The command line asks for what can't be done."""


class RunFailedError(HeadstartError):
    """What was rightly asked for can't be done now; exit code 1, not 2."""


def shown(text: str) -> str:
    """Return a value as messages show it: a number as it stands, else quoted; cut when long."""
    short = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
    digits = short.removeprefix("-").replace(".", "", 1)
    return short if digits.isascii() and digits.isdigit() else repr(short)
