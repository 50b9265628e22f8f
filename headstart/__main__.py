"""The entry point: runs one command, and turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from headstart.command_line import parse
from headstart.errors import HeadstartError, RunFailedError
from headstart.garbage import look_seldom

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``headstart`` with these words (the process's own by default); return the exit code."""
    try:
        arguments = parse(list(sys.argv[1:] if argv is None else argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else BAD_USAGE
    look_seldom()
    return run_safely(arguments)


def run_safely(arguments: argparse.Namespace) -> int:
    """Run the parsed command; return its exit code, or that of what went wrong."""
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left. The interpreter flushes stdout once more at its end: to nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _failed(error, show_traceback=arguments.debug)
    return code


def _failed(error: Exception, *, show_traceback: bool) -> int:
    """Print one line a problem and return the exit code."""
    if show_traceback:
        traceback.print_exception(error)
    # Here, so that --help needs not import the controller.
    from controller.errors import InvalidFileError

    if isinstance(error, InvalidFileError):
        for problem in error.problems:
            _say(problem)
        return BAD_USAGE
    if isinstance(error, HeadstartError):
        _say(str(error))
        return FAILED if isinstance(error, RunFailedError) else BAD_USAGE
    if not show_traceback:
        text = " ".join(str(error).split())
        known = f"{type(error).__name__}: {text}" if text else type(error).__name__
        _say(f"unexpected {known}; run with --debug for the traceback")
    return FAILED


def _say(line: str) -> None:
    sys.stderr.write(f"headstart: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
