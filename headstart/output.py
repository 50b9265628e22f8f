"""The folder that a command leaves its files in, and how a file gets there whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from headstart.errors import UsageError


def prepare_folder(out: Path) -> Path:
    """Make the output folder if it is not there, and return it.

    Raises:
        UsageError: if it is a file, or can't be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"--out: {out} is not allowed: must be a folder, not a file") from None
    except OSError as error:
        raise UsageError(f"--out: {out} can't be made: {error.strerror}") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"--out: {out} is not allowed: must be a folder that you may write to")
    return out


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """Write a text file under another name, then rename it, so that no half of it is ever seen.

    Raises:
        UsageError: if the folder can't be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"--out: {path} can't be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            draft.unlink()
