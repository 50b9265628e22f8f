"""Getting the real parts, with programs of our own in place of Java, Maven and Prometheus."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.errors import RealPartError
from tests.parts.fetch import alertmanager_folder, kafka_jars, prometheus_folder

ROOT = Path(__file__).parents[3]
JAVA_17 = "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2"
MAVEN = 'for a; do case $a in -DoutputDirectory=*) : > "${a#*=}/kafka.jar"; esac; done'


class Machine:
    """A machine whose PATH holds only what was put there."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self.parts = folder / "parts"
        self.programs.mkdir()

    def put(self, program: str, script: str) -> None:
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setenv("HEADSTART_PARTS", str(machine.parts))
    return machine


def test_jars_are_downloaded_once(machine: Machine) -> None:
    machine.put("java", JAVA_17)
    machine.put("mvn", MAVEN)
    first = kafka_jars()
    assert (first / "kafka.jar").is_file()
    machine.put("mvn", "exit 1")
    assert kafka_jars() == first


def test_a_failed_download_leaves_nothing_that_looks_whole(machine: Machine) -> None:
    machine.put("java", JAVA_17)
    machine.put("mvn", f"{MAVEN}; echo '[ERROR] no network'; echo more; exit 1")
    with pytest.raises(RealPartError, match=r"^Maven could not .* jars: \[ERROR\] no network$"):
        kafka_jars()
    assert [path.name for path in machine.parts.iterdir()] == ["lock"]


def test_a_missing_java_is_named_in_one_line(machine: Machine) -> None:
    with pytest.raises(RealPartError, match=r"^Kafka: java is not on PATH \(Debian: .*\)$"):
        kafka_jars()


def test_an_old_java_is_refused(machine: Machine) -> None:
    machine.put("java", "echo 'openjdk version \"11.0.2\"' >&2")
    with pytest.raises(RealPartError, match=r"^Kafka needs Java 17 or newer, found 11$"):
        kafka_jars()


def test_an_installed_prometheus_is_preferred(machine: Machine) -> None:
    machine.put("prometheus", "exit 0")
    machine.put("promtool", "exit 0")
    assert prometheus_folder() == machine.programs


def test_a_prometheus_fetched_before_needs_no_program(machine: Machine) -> None:
    kept = machine.parts / "prometheus-2.42.0" / "usr" / "bin"
    kept.mkdir(parents=True)
    (kept / "promtool").touch()
    assert prometheus_folder() == kept


def test_an_alertmanager_is_no_prometheus(machine: Machine) -> None:
    kept = machine.parts / "prometheus-alertmanager-0.25.0" / "usr" / "bin"
    kept.mkdir(parents=True)
    (kept / "amtool").touch()
    (kept / "promtool").touch()
    assert alertmanager_folder() == kept
    with pytest.raises(RealPartError, match=r"^Prometheus: put prometheus and promtool on PATH"):
        prometheus_folder()


def test_a_missing_alertmanager_is_named_in_one_line(machine: Machine) -> None:
    wanted = r"^Alertmanager: put prometheus-alertmanager and amtool on PATH \(no apt-get here\)$"
    with pytest.raises(RealPartError, match=wanted):
        alertmanager_folder()


def test_a_part_that_can_not_be_had_fails_the_tests_that_need_it(machine: Machine) -> None:
    done = pytest_says("tests/integration/test_real_parts.py")
    assert done.returncode == 1
    assert "Kafka: java is not on PATH" in done.stdout
    assert "Prometheus: put prometheus and promtool on PATH" in done.stdout
    assert "Traceback" not in done.stdout
    summary = done.stdout.splitlines()[-1]
    assert "error" in summary
    assert "passed" not in summary
    assert "skipped" not in summary


def test_tests_that_use_a_real_part_are_marked_by_themselves() -> None:
    mine, real = "tests/unit/parts/test_fetch.py", "tests/integration/test_real_parts.py"
    listed = pytest_says("--collect-only", "-m", "not real", mine, real).stdout
    assert mine in listed
    assert real not in listed


def pytest_says(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
