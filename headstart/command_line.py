"""Which commands there are, and the parser made of them."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn, Protocol, cast

#: Name and one line of help; the modules repeat them, and a test compares.
COMMANDS: Mapping[str, str] = {
    "demo": "play an hour of traffic in half a minute and show what Headstart does, and why",
    "up": "run everything in one process: forecasts, plans and a cluster, Kubernetes or simulated",
    "predictor": "run the forecasting service alone",
    "controller": "run the controller alone, following a predictor",
    "replay": "play your own traffic: what would have happened, and what it would have cost",
    "backtest": "measure how accurate the forecasts would have been on your own traffic",
    "explain": "say in words why a plan is what it is",
    "check": "validate a policy file",
}
_DESCRIPTION = (
    "Headstart forecasts request demand and starts GPU replicas from snapshots "
    "one learned lead time before the demand that needs them."
)
_EXIT_CODES = "exit codes: 0 fine, 1 failed, 2 wrong usage or a wrong file, 130 interrupted"


class Command(Protocol):
    """What a module in ``headstart.commands`` has."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code."""
        ...


class OneLineParser(argparse.ArgumentParser):
    """A parser that answers bad usage with one line, not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def load(name: str) -> Command:
    """Import a command's module."""
    return cast(Command, import_module(f"headstart.commands.{name}"))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with the command's ``run`` and ``debug`` among them.

    Raises:
        SystemExit: 0 after help or version, 2 after a line on what is wrong.
    """
    parser = OneLineParser(prog="headstart", description=_DESCRIPTION, epilog=_EXIT_CODES)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    _add_debug(parser, default=False)
    chosen = next((word for word in words if not word.startswith("-")), None)
    if chosen is not None and chosen not in COMMANDS:
        parser.error(_no_such(chosen))
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=OneLineParser
    )
    for name, text in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
        # Leave the default to the outer parser, or it would undo a --debug before the command.
        _add_debug(sub, default=argparse.SUPPRESS)
        if name == chosen:
            command = load(name)
            command.add_arguments(sub)
            sub.set_defaults(run=command.run)
    arguments = parser.parse_args(words)
    if not hasattr(arguments, "run"):
        parser.print_help()
        parser.exit(0 if not words else 2)
    return arguments


def _add_debug(parser: argparse.ArgumentParser, *, default: object) -> None:
    text = "show the traceback of an unexpected error"
    parser.add_argument("--debug", action="store_true", default=default, help=text)


def _no_such(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    known = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
    return f"{name!r} is no command: {known}"


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: that takes longer than all the rest."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Print the version and exit."""
        from importlib.metadata import version

        sys.stdout.write(f"headstart {version('headstart')}\n")
        parser.exit()
