"""The predictor's errors, each caught by somebody.

PredictorError
├── SourceUnavailableError   the service: mask the steps, say so, try again at the next tick
└── ListenError              the command line: print the line, exit 2
"""

from __future__ import annotations


class PredictorError(Exception):
    """Anything the predictor raises on purpose."""


class SourceUnavailableError(PredictorError):
    """A demand source did not answer, or answered what can't be used; the message says what."""


class ListenError(PredictorError):
    """The address to serve on can't be had."""
