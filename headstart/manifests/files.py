"""The generated files under ``deploy/``: the custom resource, and what the chart takes over."""

from __future__ import annotations

from pathlib import Path

import yaml

from headstart.manifests.crd import custom_resource_definition

_SAYS = "# Made by `make manifests`: don't edit.\n"
_NAMESPACE = "headstart-system"
#: What the chart takes over from the kustomize base, where it is written by hand.
SHARED = (
    "rbac.yaml",
    "workloads-role.yaml",
    "admission.yaml",
    "service.yaml",
    "disruption.yaml",
)


def generated_files(deploy: Path) -> dict[Path, str]:
    """Return the text of each generated file, by its path below the folder ``deploy``."""
    crd = yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=100)
    base, templates = deploy / "kustomize" / "base", deploy / "helm" / "headstart" / "templates"
    component = deploy / "kustomize" / "components" / "prometheus-rule"
    rule = _prometheus_rule(deploy / "prometheus" / "rules.yaml")
    kept = "{{- if .Values.crds.install }}\n" + _kept(crd) + "{{- end }}\n"
    return {
        base / "crd.yaml": _SAYS + crd,
        templates / "crd.yaml": _SAYS + kept,
        component / "prometheus-rule.yaml": _SAYS + rule,
        templates / "prometheus-rule.yaml": _SAYS
        + "{{- if .Values.prometheusRule.enabled }}\n"
        + _template(_not_for_helm(rule))
        + "{{- end }}\n",
        **{
            templates / name: _SAYS + _template((base / name).read_text(encoding="utf-8"))
            for name in SHARED
        },
    }


def _kept(crd: str) -> str:
    # Uninstalling the chart must not delete every policy with it.
    annotation = "  annotations:\n    helm.sh/resource-policy: keep\n"
    return crd.replace("spec:\n", annotation + "spec:\n", 1)


def _template(manifest: str) -> str:
    """Return a manifest for whatever namespace the chart is installed in."""
    return manifest.replace(f"namespace: {_NAMESPACE}\n", "namespace: {{ .Release.Namespace }}\n")


def _prometheus_rule(rules: Path) -> str:
    """Return the rules as the Prometheus operator takes them."""
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "headstart", "namespace": _NAMESPACE},
        "spec": yaml.safe_load(rules.read_text(encoding="utf-8")),
    }
    return yaml.safe_dump(document, sort_keys=False, width=100)


def _not_for_helm(manifest: str) -> str:
    """Return a text whose braces are Prometheus's: Helm has the same, and is to leave them."""
    return manifest.replace("{{", "{{ `{{` }}")
