"""Policy files that are refused before or within their frame and their demand."""

from __future__ import annotations

from tests.unit.bad_input import POLICY, BadInput, demand, exploding_aliases, spec

BAD_POLICIES = (
    BadInput(
        "an empty file",
        "",
        ("policy.yaml: the file is empty: it needs a PreRestorePolicy",),
    ),
    BadInput(
        "only comments",
        "# later\n",
        ("policy.yaml: the file is empty: it needs a PreRestorePolicy",),
    ),
    BadInput(
        "a list",
        "- a\n",
        ("policy.yaml:1: must be a mapping with apiVersion, kind, metadata and spec",),
    ),
    BadInput(
        "a bare word",
        "chat\n",
        ("policy.yaml:1: must be a mapping with apiVersion, kind, metadata and spec",),
    ),
    BadInput(
        "an open bracket",
        "kind: [\n",
        ("policy.yaml:2: is not valid YAML: expected the node content, but found '<stream end>'",),
    ),
    BadInput(
        "a tab",
        "spec:\n\tmode: Act\n",
        ("policy.yaml:2: is not valid YAML: a tab is not allowed here: indent with spaces",),
    ),
    BadInput(
        "a null byte",
        "kind: \x00\n",
        ("policy.yaml:1: the character U+0000 is not allowed in YAML",),
    ),
    BadInput(
        "not text",
        b"\xff\xfe\x00\x81",
        ("policy.yaml: is not a text file (UTF-8)",),
    ),
    BadInput(
        "two colons",
        "kind: a: b\n",
        ("policy.yaml:1: is not valid YAML: mapping values are not allowed here",),
    ),
    BadInput(
        "an unknown alias",
        "kind: *other\n",
        ("policy.yaml:1: is not valid YAML: found undefined alias 'other'",),
    ),
    BadInput(
        "an alias within itself",
        "kind: &a [*a]\n",
        ("policy.yaml:1: is not valid YAML: an alias must not contain itself",),
    ),
    BadInput(
        "an object of Python",
        "kind: !!python/name:os.system x\n",
        (
            "policy.yaml:1: kind: the tag !!python/name:os.system is not allowed",
            "policy.yaml:1: apiVersion: is missing: must be headstart.dev/v1alpha1",
            "policy.yaml:1: kind: is missing: must be PreRestorePolicy",
            "policy.yaml:1: metadata: is missing: must be a mapping",
            "policy.yaml:1: spec: is missing: must be a mapping",
        ),
    ),
    BadInput(
        "deep nesting",
        "[" * 600,
        ("policy.yaml: is nested too deeply",),
    ),
    BadInput(
        "aliases that explode",
        exploding_aliases(5),
        ("policy.yaml:1: is not valid YAML: is too large once its aliases are followed",),
    ),
    BadInput(
        "another kind",
        POLICY.replace("PreRestorePolicy", "Deployment"),
        ("policy.yaml:2: kind: 'Deployment' is not allowed: must be PreRestorePolicy",),
    ),
    BadInput(
        "another version",
        POLICY.replace("v1alpha1", "v1"),
        (
            "policy.yaml:1: apiVersion: 'headstart.dev/v1' is not allowed: "
            "must be headstart.dev/v1alpha1",
        ),
    ),
    BadInput(
        "no spec",
        POLICY[: POLICY.index("spec")],
        ("policy.yaml:1: spec: is missing: must be a mapping",),
    ),
    BadInput(
        "no name",
        POLICY.replace("{name: chat}", "{namespace: a}"),
        (
            "policy.yaml:3: metadata.name: is missing: must be a name of lower-case letters, "
            "digits, - and . (at most 253)",
        ),
    ),
    BadInput(
        "a name in capitals",
        POLICY.replace("chat", "Chat"),
        (
            "policy.yaml:3: metadata.name: 'Chat' is not allowed: "
            "must be a name of lower-case letters, digits, - and . (at most 253)",
        ),
    ),
    BadInput(
        "no capacity",
        POLICY.replace("  capacity: {demandPerReplica: 3}\n", ""),
        ("policy.yaml:4: spec.capacity: is missing: must be a mapping",),
    ),
    BadInput(
        "a capacity of nothing",
        POLICY.replace("3}", "0}"),
        (
            "policy.yaml:5: spec.capacity.demandPerReplica: 0 is not allowed: "
            "must be a number of at least 0.000001",
        ),
    ),
    BadInput(
        "a capacity in quotes",
        POLICY.replace("3}", '"3"}'),
        (
            "policy.yaml:5: spec.capacity.demandPerReplica: '3' is not allowed: "
            "must be a number of at least 0.000001",
        ),
    ),
    BadInput(
        "an infinite capacity",
        POLICY.replace("3}", ".inf}"),
        (
            "policy.yaml:5: spec.capacity.demandPerReplica: .inf is not allowed: "
            "must be a number of at least 0.000001",
        ),
    ),
    BadInput(
        "a capacity that is a list",
        POLICY.replace("3}", "[3]}"),
        (
            "policy.yaml:5: spec.capacity.demandPerReplica: a list is not allowed: "
            "must be a number of at least 0.000001",
        ),
    ),
    BadInput(
        "no source of demand",
        demand("{calendar: []}"),
        ("policy.yaml:6: spec.demand: needs a source: prometheus, kafka or both",),
    ),
    BadInput(
        "an empty query",
        POLICY.replace("up", '""'),
        (
            "policy.yaml:6: spec.demand.prometheus.query: '' is not allowed: "
            "must be text that is not empty",
        ),
    ),
    BadInput(
        "a repeated key",
        spec("  mode: Act\n  mode: Observe\n"),
        ("policy.yaml:8: spec.mode: is given twice, first in line 7",),
    ),
    BadInput(
        "a merge key",
        spec("  limits: {<<: {minReplicas: 1}}\n"),
        ("policy.yaml:7: spec.limits: a key must be text; merge keys (<<) are not allowed",),
    ),
    BadInput(
        "an unknown mode",
        spec("  mode: act\n"),
        ("policy.yaml:7: spec.mode: 'act' is not allowed: must be Observe, Recommend or Act",),
    ),
    BadInput(
        "a misspelt field",
        spec("  limits: {maxReplica: 3}\n"),
        ("policy.yaml:7: spec.limits.maxReplica: unknown field: did you mean maxReplicas?",),
    ),
    BadInput(
        "a field of nowhere",
        spec("  colour: blue\n"),
        (
            "policy.yaml:7: spec.colour: unknown field: known here: mode, demand, capacity, "
            "objective, target, actuator, restore, standby, limits, scaleDown",
        ),
    ),
    BadInput(
        "a negative minimum",
        spec("  limits: {minReplicas: -1}\n"),
        (
            "policy.yaml:7: spec.limits.minReplicas: -1 is not allowed: "
            "must be a whole number from 0 to 2147483647",
        ),
    ),
    BadInput(
        "half a replica",
        spec("  limits: {minReplicas: 1.5}\n"),
        (
            "policy.yaml:7: spec.limits.minReplicas: 1.5 is not allowed: "
            "must be a whole number from 0 to 2147483647",
        ),
    ),
    BadInput(
        "more replicas than can be counted",
        spec("  limits: {maxReplicas: 2147483649, maxStep: 0, gpuBudget: 2147483648}\n"),
        (
            "policy.yaml:7: spec.limits.maxReplicas: 2147483649 is not allowed: "
            "must be a whole number from 1 to 2147483647",
            "policy.yaml:7: spec.limits.maxStep: 0 is not allowed: "
            "must be a whole number from 1 to 2147483647",
            "policy.yaml:7: spec.limits.gpuBudget: 2147483648 is not allowed: "
            "must be a whole number from 1 to 2147483647",
        ),
    ),
    BadInput(
        "a priority beyond all others",
        spec("  limits: {priority: 1000000001}\n"),
        (
            "policy.yaml:7: spec.limits.priority: 1000000001 is not allowed: "
            "must be a whole number from -1000000000 to 1000000000",
        ),
    ),
    BadInput(
        "a snapshot larger than any store",
        spec("  restore: {sizeGiB: 1.0e+308}\n"),
        (
            "policy.yaml:7: spec.restore.sizeGiB: 1.0e+308 is not allowed: "
            "must be a number above 0 and of at most 1000000",
        ),
    ),
    BadInput(
        "a minimum above the maximum",
        spec("  limits: {minReplicas: 3, maxReplicas: 2}\n"),
        (
            "policy.yaml:7: spec.limits.maxReplicas: 2 is not allowed: "
            "must be at least minReplicas, 3",
        ),
    ),
    BadInput(
        "a budget below the minimum",
        spec("  standby: {gpusPerReplica: 4}\n  limits: {minReplicas: 2, gpuBudget: 7}\n"),
        (
            "policy.yaml:8: spec.limits.gpuBudget: 7 is not allowed: "
            "must be at least 8: minReplicas times gpusPerReplica",
        ),
    ),
    BadInput(
        "a switch that is a word",
        spec("  standby: {promote: yes}\n"),
        ("policy.yaml:7: spec.standby.promote: 'yes' is not allowed: must be true or false",),
    ),
    BadInput(
        "a node that is to be uncordoned",
        spec("  standby: {promote: true}\n"),
        (
            "policy.yaml:7: spec.standby.promote: true is not allowed: "
            "must be false: nodes of the pool stay cordoned",
        ),
    ),
    BadInput(
        "a label that is a number",
        spec("  standby: {nodeSelector: {gen: 2}}\n"),
        (
            "policy.yaml:7: spec.standby.nodeSelector.gen: 2 is not allowed: "
            "must be text; put a number or a true in quotes",
        ),
    ),
    BadInput(
        "limits that are a number",
        spec("  limits: 3\n"),
        ("policy.yaml:7: spec.limits: a number is not allowed: must be a mapping",),
    ),
)
