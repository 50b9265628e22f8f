"""A name of a module that has another value for a while."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def patched(module_name: str, name: str, value: object) -> Iterator[None]:
    """Let a module's name have another value until the block ends."""
    module = importlib.import_module(module_name)
    usual = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, usual)
