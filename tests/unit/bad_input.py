"""What is wrong with a file, and the exact lines that say so."""

from __future__ import annotations

from dataclasses import dataclass

POLICY = """apiVersion: headstart.dev/v1alpha1
kind: PreRestorePolicy
metadata: {name: chat}
spec:
  capacity: {demandPerReplica: 3}
  demand: {prometheus: {query: up}}
"""


@dataclass(frozen=True)
class BadInput:
    what: str
    content: str | bytes
    problems: tuple[str, ...]


def spec(more: str) -> str:
    """Return a policy that is valid but for these fields of its spec."""
    return POLICY + more


def demand(of: str) -> str:
    """Return a policy that is valid but for its demand, given in flow style."""
    return POLICY.replace("{prometheus: {query: up}}", of)


def calendar(entry: str) -> str:
    """Return a policy that is valid but for one calendar entry, given without its braces."""
    return demand(f"{{prometheus: {{query: up}}, calendar: [{{name: a, {entry}}}]}}")


def exploding_aliases(levels: int) -> str:
    """Return a text of a few lines that holds ten to the power of ``levels`` values."""
    lines = ["l0: &l0 1"]
    for level in range(1, levels + 1):
        lines.append(f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]")
    return "\n".join(lines)
