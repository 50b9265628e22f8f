"""What the image is built of: all there, let through to the build, and every package of it."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IGNORED = ROOT / "deploy" / "Dockerfile.dockerignore"


def test_every_source_of_the_image_is_there() -> None:
    assert [name for name in sources() if not (ROOT / name).exists()] == []


def test_every_source_of_the_image_reaches_the_build() -> None:
    assert [name for name in sources() if not is_let_through(name)] == []


def test_what_is_not_named_stays_out_of_the_build() -> None:
    assert [name for name in (".git", ".venv", "tests") if is_let_through(name)] == []


def test_every_package_is_copied_into_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = {name for name in included if "*" not in name}
    assert packages
    assert packages - set(sources()) == set()


def sources() -> list[str]:
    """Return what the Dockerfile copies out of the build's context."""
    found: list[str] = []
    for line in DOCKERFILE.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[:1] == ["COPY"] and not words[1].startswith("--from"):
            found += words[1:-1]
    return found


def is_let_through(name: str) -> bool:
    """Say whether the ignore file lets a name at the root through; its last word counts."""
    is_ignored = False
    for line in IGNORED.read_text(encoding="utf-8").split():
        if fnmatch(name, line.removeprefix("!")):
            is_ignored = not line.startswith("!")
    return not is_ignored
