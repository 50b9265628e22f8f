"""A predictor on files and a controller on Kubernetes call a workload by one name, if told so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from controller.adapters.kubernetes.policy_book import watched_policy
from headstart.command_line import parse
from headstart.service_files import setting_of

EXAMPLE = Path(__file__).parents[3] / "deploy" / "examples" / "policy.yaml"
BARE = """\
apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  demand: {prometheus: {query: demand}}
  capacity: {demandPerReplica: 10}
"""


def names(policy: Path, *options: str) -> list[str]:
    setting = setting_of(parse(["predictor", "--policy", str(policy), *options]))
    return [one.workload for one in setting.policies]


def test_qualified_names_are_those_that_the_cluster_s_policies_have() -> None:
    documents = list(yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")))
    watched = [watched_policy(document).workload for document in documents]
    assert "inference/chat" in watched
    assert names(EXAMPLE, "--qualified-names") == watched


@pytest.mark.parametrize(
    ("options", "name"), [((), "chat"), (("--qualified-names",), "default/chat")]
)
def test_a_policy_without_namespace_is_of_the_default_one(
    tmp_path: Path, options: tuple[str, ...], name: str
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(BARE, encoding="utf-8")
    assert names(path, *options) == [name]
