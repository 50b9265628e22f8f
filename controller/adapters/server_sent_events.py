"""Server-sent events out of lines of text, as the HTML standard parses them (section 9.2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_CHARACTERS = 4_000_000
#: A line so many times too long is given up: nobody knows whether it will ever end.
ENDLESS = 10
_LINE_END = re.compile(r"\r\n|\r|\n")
_LONGEST_FIELD = len("event: ")


class EndlessLineError(Exception):
    """The server sends a line that does not end; whoever follows it should connect again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event: its name, ``message`` if it has none, and its data."""

    name: str
    data: str


class LineCutter:
    """Cuts text, as it arrives, into lines.

    Of a line with more than ``most_characters`` of data only so much is kept that this is seen.
    """

    def __init__(self, *, most_characters: int = MOST_CHARACTERS) -> None:
        """Begin a line."""
        self._most = most_characters + _LONGEST_FIELD + 1
        self._ends_with_return = False
        self._begin()

    def feed(self, text: str) -> list[str]:
        """Take the next piece of text; return the lines that it ends, without their ends.

        Raises:
            EndlessLineError: if a line is longer by far than is kept.
        """
        if self._ends_with_return:
            text = text.removeprefix("\n")  # the rest of one line's end
        self._ends_with_return = text.endswith("\r")
        *ends, begun = _LINE_END.split(text)
        lines = []
        for piece in ends:
            self._hold(piece)
            lines.append("".join(self._pieces))
            self._begin()
        self._hold(begun)
        return lines

    def _begin(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def _hold(self, piece: str) -> None:
        room = self._most - self._length
        if room > 0:
            self._pieces.append(piece[:room])
        self._length += len(piece)
        if self._length > ENDLESS * self._most:
            raise EndlessLineError(f"a line of more than {self._length} characters")


class EventParser:
    """Takes lines without their ends; comments and unknown fields are skipped.

    An event longer than ``most_characters`` is dropped whole, so that a broken server can't fill
    the memory; ``dropped`` counts those.
    """

    def __init__(self, *, most_characters: int = MOST_CHARACTERS) -> None:
        """Begin between two events."""
        self.dropped = 0
        self._most = most_characters
        self._begin()

    def feed(self, line: str) -> ServerEvent | None:
        """Take one line; return the event that it completes."""
        if not line:
            return self._complete()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._characters += len(value)
            if self._characters <= self._most:
                self._data.append(value)
        return None

    def _begin(self) -> None:
        self._name = ""
        self._data: list[str] = []
        self._characters = 0

    def _complete(self) -> ServerEvent | None:
        is_too_long = self._characters > self._most
        self.dropped += is_too_long
        event = ServerEvent(name=self._name or "message", data="\n".join(self._data))
        has_data = bool(self._data) and not is_too_long
        self._begin()
        return event if has_data else None
