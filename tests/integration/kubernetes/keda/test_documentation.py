"""What README.md says of KEDA can be pasted, and works."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kubernetes.keda.scaled import NAMESPACE, SCALER, SECRET, Scaled, trust
from tests.integration.kubernetes.shipped import CONTROLLER
from tests.integration.kubernetes.shipped import NAMESPACE as SYSTEM
from tests.parts.control_plane import ControlPlane
from tests.parts.service import CHECKOUT

COMMAND_SECONDS = 120
ACCOUNT = f"system:serviceaccount:{SYSTEM}:{CONTROLLER}"


@pytest.fixture
def shell(
    control_plane: ControlPlane,
    control_plane_programs: dict[str, Path],
    certificates: Path,
    tmp_path: Path,
) -> Iterator[dict[str, str]]:
    """The environment of a user: kubectl on the path, and a kubeconfig.

    What the user does to the shared namespace and cluster is undone.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(control_plane_programs["kubectl"])
    yield {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(control_plane.admin),
    }
    control_plane.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)
    control_plane.kubectl("delete", "rolebinding", "headstart-workloads", "-n", NAMESPACE)
    control_plane.kubectl("delete", "prerestorepolicies", "--all", "-n", NAMESPACE)
    trust(control_plane, certificates)
    # No image is here for it, and other tests have nodes.
    control_plane.kubectl("scale", f"deployment/{CONTROLLER}", "-n", SYSTEM, "--replicas=0")


def test_the_commands_of_the_readme_set_everything_up(chat: Scaled, shell: dict[str, str]) -> None:
    chat.kubectl("delete", "secret", SECRET)
    lines = [line for line in keda_commands() if not line.startswith("headstart")]
    assert len(lines) == 6
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=CHECKOUT,
            env=shell,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
    assert chat.is_so("Ready") != ""
    certificate_is_for_the_address(chat)
    question = ("auth", "can-i", "get", "deployments.apps", "--subresource=scale")
    assert chat.kubectl(*question, f"--as={ACCOUNT}").strip() == "yes"


def keda_commands() -> list[str]:
    """Return the lines of shell in README's section on KEDA, in order."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    [section] = re.findall(r"^## With KEDA\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def certificate_is_for_the_address(chat: Scaled) -> None:
    """What the script made must be what the shipped address and deployment ask for."""
    [trigger] = chat.plane.get("scaledobject", "chat", "-n", NAMESPACE)["spec"]["triggers"]
    host, _, port = trigger["metadata"]["scalerAddress"].rpartition(":")
    assert host == SCALER
    service = chat.plane.get("service", "headstart-scaler", "-n", SYSTEM)["spec"]
    assert (service["clusterIP"], service["ports"][0]["port"]) == ("None", int(port))
    pod = chat.plane.get("deployment", CONTROLLER, "-n", SYSTEM)["spec"]["template"]["spec"]
    [name] = [one["secret"]["secretName"] for one in pod["volumes"] if one["name"] == "scaler"]
    kept = chat.plane.get("secret", name, "-n", SYSTEM)["data"]
    assert kept.keys() == {"ca.crt", "tls.crt", "tls.key"}
