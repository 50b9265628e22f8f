"""The controller's errors, each caught by somebody.

ControllerError
├── ClusterUnavailableError   the reconciler: skip this tick, back off
├── ActionRefusedError        the reconciler: the next tick plans anew
│   └── StartRefusedError     the same, and it is told: another start would fare no better
├── BoostsNotKeptError        the alerts' intake: ask the sender to come again
└── InvalidFileError          the command line: print the problems, exit 2
"""

from __future__ import annotations


class ControllerError(Exception):
    """Anything the controller raises on purpose."""


class ClusterUnavailableError(ControllerError):
    """The cluster did not answer.

    ``is_pause_kept`` if it said when to come again, and nothing is sent to it before.
    """

    is_pause_kept = False


class ActionRefusedError(ControllerError):
    """The cluster answered that the action is not possible any more."""


class StartRefusedError(ActionRefusedError):
    """A start was refused for what it is, not for where or when: people must mend something."""


class BoostsNotKeptError(ControllerError):
    """What alerts asked for could not be kept where it outlives this process."""


class InvalidFileError(ControllerError):
    """A policy or environment file is wrong; ``problems`` has one line a fault."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems, in the order of their lines."""
        super().__init__("\n".join(problems))
        self.problems = problems
