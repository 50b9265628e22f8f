"""A real control plane for all tests of a run; whoever uses it is marked ``real`` and ``cluster``.

It is shared: a test takes a namespace of its own, and gives its nodes a prefix and a label of
their own. One that ends the API server must leave it running.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import failing_in_words, started
from tests.integration.kubernetes.loop_stand import POOL, Demand
from tests.integration.kubernetes.shipped import (
    CONTROLLER,
    NAMESPACE,
    allow_workloads,
    install,
)
from tests.parts.control_plane import ControlPlane
from tests.parts.go_build import CLUSTER, HELM, built_programs


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a control plane, so that ``-m 'not cluster'`` leaves it out."""
    for item in items:
        if "control_plane_programs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def control_plane_programs() -> dict[str, Path]:
    """Where etcd, the Kubernetes programs and kwok lie, by name."""
    with failing_in_words():
        return built_programs(CLUSTER)


@pytest.fixture(scope="session")
def cluster_programs(control_plane_programs: dict[str, Path]) -> dict[str, Path]:
    """The same and helm, whose caller gives it a home of its own (HELM_CACHE_HOME and others)."""
    with failing_in_words():
        return control_plane_programs | built_programs(HELM)


@pytest.fixture(scope="session")
def control_plane(control_plane_programs: dict[str, Path]) -> Iterator[ControlPlane]:
    """The cluster of this run."""
    with contextlib.ExitStack() as stack:
        yield started(ControlPlane(control_plane_programs), stack)


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """A namespace of the test's own, deleted after it with all that is in it."""
    name = control_plane.create_namespace()
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def account(control_plane: ControlPlane) -> Path:
    """A kubeconfig of the controller's account, everything being installed as shipped."""
    install(control_plane)
    return control_plane.kubeconfig_of(NAMESPACE, CONTROLLER)


@pytest.fixture
def demand() -> Iterator[Demand]:
    """A source of demand that the test turns."""
    made = Demand()
    yield made
    made.close()


@pytest.fixture
def pool(control_plane: ControlPlane, account: Path, namespace: str) -> Iterator[list[str]]:
    """Six nodes with one GPU each, in the namespace's own pool; Headstart may work there."""
    allow_workloads(control_plane, namespace)
    names = control_plane.add_gpu_nodes(namespace, 6, gpus=1, labels={POOL: namespace})
    yield names
    control_plane.kubectl("delete", "prerestorepolicy", "--all", "-n", namespace)
    control_plane.delete_nodes(names)
    # One that a test killed would be waited for by the next test's.
    lease = ("lease", CONTROLLER, "-n", NAMESPACE, "--ignore-not-found")
    control_plane.kubectl("delete", *lease)
