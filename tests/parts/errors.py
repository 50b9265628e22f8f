"""What can go wrong with a real part; conftest turns each into one failure."""

from __future__ import annotations


class RealPartError(Exception):
    """A real part is not to be had, or did not start."""
