"""A real KEDA on the run's control plane; whoever uses it is marked ``keda`` and ``cluster``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import failing_in_words, started
from tests.integration.kubernetes.keda.scaled import NAMESPACE, SCALER, Scaled, trust
from tests.integration.kubernetes.keda.scripted_scalers import ScriptedScalers
from tests.parts.control_plane import ControlPlane
from tests.parts.go_build import KEDA, built_programs
from tests.parts.keda import Keda
from tests.parts.name_server import NameServer
from tests.parts.pki import issue, make_authority

#: What the two replicas of a headless service are on one machine: one port of two addresses.
REPLICAS = ("127.0.0.1", "127.0.0.2")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs KEDA, so that ``-m 'not keda'`` leaves it out."""
    for item in items:
        if "keda" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.keda)


@pytest.fixture(scope="session")
def keda_programs() -> dict[str, Path]:
    """KEDA's programs and definitions, by name."""
    with failing_in_words():
        return built_programs(KEDA)


@pytest.fixture(scope="package")
def keda(keda_programs: dict[str, Path], control_plane: ControlPlane) -> Iterator[Keda]:
    """KEDA, for as long as its tests run."""
    with contextlib.ExitStack() as stack:
        yield started(Keda(control_plane, keda_programs), stack)


@pytest.fixture(scope="package")
def nodes(control_plane: ControlPlane) -> Iterator[None]:
    """Room for whatever is scaled."""
    names = control_plane.add_gpu_nodes("keda-room", 2, gpus=64, labels={"room": "keda"})
    yield
    control_plane.delete_nodes(names)


@pytest.fixture(scope="package")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``scaler`` for the service's name, ``keda`` for KEDA, and ``ca.crt`` that both trust."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority(folder, "ca")
    issue(authority, folder, "scaler", hosts=(SCALER, *REPLICAS))
    issue(authority, folder, "keda")
    return folder


@pytest.fixture(scope="package")
def name_server() -> Iterator[NameServer]:
    """Knows the headless service, with both replicas."""
    server = NameServer({SCALER: REPLICAS})
    yield server
    server.close()


@pytest.fixture(scope="package")
def inference(
    keda: Keda, control_plane: ControlPlane, nodes: None, certificates: Path
) -> Iterator[str]:
    """The namespace that the shipped examples are for, with what authenticates KEDA."""
    control_plane.kubectl("create", "namespace", NAMESPACE)
    trust(control_plane, certificates)
    yield NAMESPACE
    control_plane.kubectl("delete", "namespace", NAMESPACE, "--timeout=100s")


@pytest.fixture
def chat(control_plane: ControlPlane, inference: str, tmp_path: Path) -> Iterator[Scaled]:
    """A Deployment without a replica, which the test gives to KEDA."""
    scaled = Scaled(control_plane, tmp_path)
    scaled.deploy()
    yield scaled
    scaled.release()


@pytest.fixture
def scalers(
    certificates: Path, name_server: NameServer, tmp_path: Path
) -> Iterator[ScriptedScalers]:
    """Two replicas of the scaler, behind the name of a headless service; both run."""
    pair = ScriptedScalers(tmp_path / "plans", certificates, REPLICAS, name_server.port)
    with contextlib.ExitStack() as stack:
        for one in pair.replicas:
            started(one, stack)
        yield pair
