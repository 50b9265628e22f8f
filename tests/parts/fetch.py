"""Get the real parts once a user: Kafka's jars through Maven, the monitoring from Debian.

They are kept outside the checkout, in ``$HEADSTART_PARTS``, else ``$XDG_CACHE_HOME`` or
``~/.cache`` + ``headstart/parts``; a second run downloads nothing and needs no network.
``python -m tests.parts.fetch`` gets everything and prints where it lies.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.parts.errors import RealPartError
from tests.parts.kept import only_one_run, parts_folder, run_program, whole_or_not_at_all

HERE = Path(__file__).parent
JAVA_AT_LEAST = 17  # Kafka 4 brokers refuse an older one.
DOWNLOAD_SECONDS = 900


def kafka_jars() -> Path:
    """Return the folder with a Kafka broker's jars.

    Raises:
        RealPartError: in one line, if they can't be had.
    """
    folder = parts_folder() / f"kafka-{_version_of(HERE / 'pom.xml')}"
    with only_one_run():
        _require_java()
        if not folder.is_dir():
            with whole_or_not_at_all(folder) as unfinished:
                _download_jars(unfinished)
    return folder


def prometheus_folder() -> Path:
    """Return the folder that holds ``prometheus`` and ``promtool``.

    Raises:
        RealPartError: in one line, if they can't be had.
    """
    return _programs_of("prometheus", ("prometheus", "promtool"))


def alertmanager_folder() -> Path:
    """Return the folder that holds ``prometheus-alertmanager`` and ``amtool``.

    Raises:
        RealPartError: in one line, if they can't be had.
    """
    return _programs_of("prometheus-alertmanager", ("prometheus-alertmanager", "amtool"))


def _programs_of(package: str, programs: tuple[str, ...]) -> Path:
    """Return where the programs of a Debian package are: on PATH, kept, or now downloaded."""
    installed = [found for program in programs if (found := shutil.which(program))]
    if len(installed) == len(programs):
        return Path(installed[0]).parent
    with only_one_run():
        kept = sorted(parts_folder().glob(f"{package}-[0-9]*/usr/bin/{programs[-1]}"))
        return kept[-1].parent if kept else _download_package(package, programs)


def _version_of(pom: Path) -> str:
    """Return Kafka's version and a mark that changes with anything else in the pom."""
    text = pom.read_text(encoding="utf-8")
    kafka = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)<", text)
    if not kafka:
        raise RealPartError(f"{pom.name}: has no dependency kafka_*")
    return f"{kafka[1]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _require_java() -> None:
    if not shutil.which("java"):
        _install("java", ["default-jre-headless"])
    said = _run(["java", "-version"], why="a Kafka broker needs Java").stderr
    found = re.search(r'version "(\d+)', said)
    if found and int(found[1]) < JAVA_AT_LEAST:
        raise RealPartError(f"Kafka needs Java {JAVA_AT_LEAST} or newer, found {found[1]}")


def _download_jars(folder: Path) -> None:
    if not shutil.which("mvn"):
        _install("mvn", ["default-jre-headless", "maven"])
    # Maven writes a target folder beside the pom, so it works on a copy.
    pom = shutil.copy(HERE / "pom.xml", folder / "pom.xml")
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    _run(command, why="Maven could not get Kafka's jars")


def _download_package(package: str, programs: tuple[str, ...]) -> Path:
    name = package.removeprefix("prometheus-").capitalize()
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise RealPartError(f"{name}: put {' and '.join(programs)} on PATH (no apt-get here)")
    _refresh_lists_if_unknown(package)
    with tempfile.TemporaryDirectory(dir=parts_folder()) as temporary:
        _run(["apt-get", "download", package], why=f"apt-get got no {name}", at=temporary)
        archive = next(Path(temporary).glob(f"{package}_*.deb"))
        folder = parts_folder() / f"{package}-{archive.name.split('_')[1]}"
        with whole_or_not_at_all(folder) as unfinished:
            _run(["dpkg-deb", "-x", str(archive), str(unfinished)], why="no room to unpack")
            _let_run_anywhere(unfinished / "usr" / "bin" / programs[0])
    return folder / "usr" / "bin"


def _let_run_anywhere(program: Path) -> None:
    """Have Debian's Alertmanager look for its templates in the folder that it runs in.

    It has their absolute path compiled in, no option for it, and does not start without them.
    Go's texts carry their length beside them, so the new path must be as long as the old one.
    """
    built_in = b"/usr/share/prometheus/alertmanager"
    here = b"./" * (len(built_in) // 2)
    program.write_bytes(program.read_bytes().replace(built_in, here))


def _install(missing: str, packages: list[str]) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RealPartError(f"Kafka: {missing} is not on PATH (Debian: {' '.join(packages)})")
    for package in packages:
        _refresh_lists_if_unknown(package)
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    _run(command, why=f"apt-get could not install {missing}")


def _refresh_lists_if_unknown(package: str) -> None:
    known = _run(["apt-cache", "policy", package], why="apt-cache failed").stdout
    if "Candidate: (none)" in known or "Candidate:" not in known:
        if os.geteuid() != 0:
            raise RealPartError(f"{package}: unknown to apt; run apt-get update as root")
        _run(["apt-get", "update"], why="apt-get update failed")


def _run(
    command: list[str], *, why: str, at: str | None = None
) -> subprocess.CompletedProcess[str]:
    return run_program(
        command,
        why=why,
        within_seconds=DOWNLOAD_SECONDS,
        at=Path(at) if at else None,
        environment={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    )


def main() -> int:
    """Get every part and say where it lies; 1 and one line if one can't be had."""
    try:
        sys.stdout.write(f"Kafka         {kafka_jars()}\n")
        sys.stdout.write(f"Prometheus    {prometheus_folder()}\n")
        sys.stdout.write(f"Alertmanager  {alertmanager_folder()}\n")
    except RealPartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
