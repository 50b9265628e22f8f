"""Where this user's real parts are kept, and how one gets there whole, once, or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.parts.errors import RealPartError


def parts_folder() -> Path:
    """Return where this user's parts are kept, made if it was not there.

    ``$HEADSTART_PARTS``, else ``$XDG_CACHE_HOME`` or ``~/.cache`` + ``headstart/parts``.
    """
    own = os.environ.get("HEADSTART_PARTS")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(own) if own else Path(cache) / "headstart" / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def only_one_run(lock: str = "lock") -> Iterator[None]:
    """Hold a lock of the parts folder, so that two runs do not get a part side by side."""
    with (parts_folder() / lock).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def whole_or_not_at_all(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which takes its name only when nothing was raised."""
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield unfinished
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def run_program(
    command: Sequence[str],
    *,
    why: str,
    within_seconds: float,
    at: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; ``environment`` is added to ours.

    Raises:
        RealPartError: ``why`` and what the program said first, if it failed.
    """
    try:
        return subprocess.run(
            list(command),
            cwd=at,
            env={**os.environ, **(environment or {})},
            check=True,
            text=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within_seconds,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip() or error.stdout.strip() or "no output").splitlines()
        raise RealPartError(f"{why}: {said[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RealPartError(f"{why}: {error}") from error
