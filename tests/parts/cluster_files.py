"""The files that a control plane reads: certificates, users, kubeconfigs, the audit policy."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import yaml

from tests.parts import pki

HOSTS = ("127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
# What each user is called by the API server, and its group.
USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", "system:masters"),
}
# Who changed what; what is only read is of no interest.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


def lay_down_files(folder: Path, server: str) -> None:
    """Fill a folder with what the programs are told to read; ``server`` is the API's address."""
    _lay_down_pki(folder / "pki")
    lines = [f'{user}-token,{name},{user},"{group}"' for user, (name, group) in USERS.items()]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n", encoding="ascii")
    for user in USERS:
        write_kubeconfig(folder, user, server=server, token=f"{user}-token")
    policy = folder / "audit-policy.yaml"
    policy.write_text(yaml.safe_dump(AUDIT_POLICY), encoding="ascii")


def write_kubeconfig(folder: Path, name: str, *, server: str, token: str) -> Path:
    """Write ``name.kubeconfig`` for who has this bearer token, and return it."""
    authority = base64.b64encode((folder / "pki" / "ca.crt").read_bytes()).decode()
    cluster = {"server": server, "certificate-authority-data": authority}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "user"}}],
        "current-context": "tests",
    }
    path = folder / f"{name}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), encoding="ascii")
    return path


def _lay_down_pki(folder: Path) -> None:
    folder.mkdir()
    authority = pki.make_authority(folder, "ca")
    pki.issue(authority, folder, "server", hosts=HOSTS)
    front_proxy = pki.make_authority(folder, "front-proxy-ca")
    pki.issue(front_proxy, folder, "front-proxy-client")
    pki.make_signing_keys(folder, "sa")
