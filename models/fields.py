"""Checked reading of decoded JSON: each function returns one field or names what is wrong with it.

Must not know any of the values that are built from the fields; those are in codec.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NoReturn

#: How much of a wrong value an error message repeats.
SHOWN_CHARACTERS = 60


class CodecError(ValueError):
    """A wire value can't be read or written; one line says field, value and what is allowed.

    Caught by whoever received the value (the HTTP or Kafka edge, the store): it is counted and
    skipped, and the last good one stays.
    """


def refuse(path: str, value: object, allowed: str) -> NoReturn:
    """Raise the error for one field.

    Raises:
        CodecError: always.
    """
    # repr keeps the message on one line whatever the value holds; a long one is cut.
    shown = repr(value)
    if len(shown) > SHOWN_CHARACTERS:
        shown = shown[:SHOWN_CHARACTERS] + "..."
    raise CodecError(f"{path}: {shown} given, {allowed} is allowed")


def as_object(value: object, path: str) -> Mapping[str, object]:
    """Return a JSON object, or refuse."""
    if not isinstance(value, Mapping):
        refuse(path, value, "an object")
    return value


def as_list(value: object, path: str) -> list[object]:
    """Return a JSON array, or refuse."""
    if not isinstance(value, list):
        refuse(path, value, "a list")
    return value


def as_number(value: object, path: str) -> float:
    """Return a finite number, or refuse. True and false are no numbers."""
    allowed = "a finite number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(path, value, allowed)
    try:
        number = float(value)
    except OverflowError:
        refuse(path, value, allowed)
    if not math.isfinite(number):
        refuse(path, value, allowed)
    return number


def as_text(value: object, path: str) -> str:
    """Return a string, or refuse."""
    if not isinstance(value, str):
        refuse(path, value, "a string")
    return value


class Fields:
    """The fields of one JSON object, read by name; ``path`` leads every error message.

    A field that is missing is refused like one that is wrong. Fields that nobody asks for are
    ignored, so that an older reader understands a newer writer.
    """

    def __init__(self, value: object, path: str) -> None:
        """Take a JSON object.

        Raises:
            CodecError: if it is not one.
        """
        self._object = as_object(value, path)
        self._path = path

    def at(self, name: str) -> str:
        """Return the full name of a field, for messages."""
        return f"{self._path}.{name}"

    def get(self, name: str) -> object:
        """Return a field unchecked; refuse if it is missing."""
        if name not in self._object:
            raise CodecError(f"{self.at(name)}: nothing given, this field is required")
        return self._object[name]

    def find(self, name: str) -> object:
        """Return a field unchecked; None if it is missing."""
        return self._object.get(name)

    def number(self, name: str) -> float:
        """Return a finite number."""
        return as_number(self.get(name), self.at(name))

    def at_least_zero(self, name: str) -> float:
        """Return a finite number of at least 0."""
        number = self.number(name)
        if number < 0:
            refuse(self.at(name), number, "a finite number of at least 0")
        return number

    def between(self, name: str, least: float, most: float) -> float:
        """Return a number of at least ``least`` and at most ``most``."""
        number = self.number(name)
        if not least <= number <= most:
            refuse(self.at(name), number, f"a number from {least:g} to {most:g}")
        return number

    def whole(self, name: str) -> int:
        """Return a whole number of at least 0."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            refuse(self.at(name), value, "a whole number of at least 0")
        return value

    def text(self, name: str) -> str:
        """Return a string."""
        return as_text(self.get(name), self.at(name))

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.get(name)
        if not isinstance(value, bool):
            refuse(self.at(name), value, "true or false")
        return value

    def array(self, name: str) -> list[object]:
        """Return an array."""
        return as_list(self.get(name), self.at(name))
