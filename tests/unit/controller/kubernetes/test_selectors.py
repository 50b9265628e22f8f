"""Selectors as scales have them: what they select is what kubectl would."""

from __future__ import annotations

import pytest

from controller.adapters.kubernetes.selectors import selector_of

LABELS = {"app": "chat", "tier": "gpu", "nvidia.com/dynamo-component": "Worker"}


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("app=chat", True),
        ("app==chat", True),
        ("app=web", False),
        ("app!=web", True),
        ("missing!=web", True),
        ("tier in (cpu, gpu),app=chat", True),
        ("tier in (cpu)", False),
        ("tier notin (cpu,none)", True),
        ("tier notin (gpu)", False),
        ("app", True),
        ("absent", False),
        ("!absent", True),
        ("!app", False),
        ("nvidia.com/dynamo-component=Worker,!nvidia.com/snapshot-job", True),
    ],
)
def test_a_selector_selects_as_the_api_server_does(text: str, *, selects: bool) -> None:
    assert selector_of(text).matches(LABELS) is selects


@pytest.mark.parametrize("text", ["", " , ", "a=(b)", "a in b", "a b"])
def test_what_selects_everything_or_nothing_readable_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the selector"):
        selector_of(text)


def test_an_anchor_is_a_label_that_all_of_the_selected_have() -> None:
    assert selector_of("!gone,tier in (b,a),app=c").anchors == (("tier", "a"), ("tier", "b"))
    assert selector_of("tier,app!=c").anchors == ()
