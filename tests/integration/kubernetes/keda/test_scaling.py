"""A Deployment follows Headstart's number through a real KEDA and the autoscaler behind it.

The ScaledObjects are those of ``deploy/keda``; only their addresses are others.
"""

from __future__ import annotations

import pytest

from tests.integration.kubernetes.keda.scaled import Scaled
from tests.integration.kubernetes.keda.scripted_scalers import ScriptedScalers


@pytest.mark.parametrize("way", ["push", "poll"])
def test_the_target_is_followed_from_zero_up_down_and_back_to_zero(
    chat: Scaled, scalers: ScriptedScalers, way: str
) -> None:
    chat.scale_by(way, scalers.address)
    chat.becomes("Ready", "True/ScaledObjectReady")
    assert chat.replicas() == 0
    for target in (3, 7, 2):
        scalers.plan(target)
        chat.reaches(target)
    scalers.plan(0)
    # While KEDA waits for the cooldown the autoscaler may go no lower.
    chat.reaches(1)
    chat.kubectl("patch", "scaledobject", "chat", "--type=merge", "-p", SHORT_COOLDOWN)
    chat.reaches(0)


SHORT_COOLDOWN = '{"spec": {"cooldownPeriod": 1}}'
