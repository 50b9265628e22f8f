"""A start: first the claim on the node, then the pod."""

from __future__ import annotations

from collections.abc import Sequence

from controller.actions import Start
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.claims import Claim
from controller.adapters.kubernetes.drivers.known import DRIVERS
from controller.adapters.kubernetes.errors import ConflictError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import View, at_node, fleet_of, valid_claims
from controller.adapters.kubernetes.manifests import pod_of
from controller.adapters.kubernetes.marks import claims_patch
from controller.adapters.kubernetes.names import REPLICA, annotations_of, pod_name
from controller.adapters.kubernetes.watched_objects import WatchedObjects
from controller.adapters.kubernetes.writes import Writes
from controller.errors import ActionRefusedError
from controller.policy import WorkloadPolicy

#: A new node is written to by several at once; a rival shows at the first look.
_MOST_LOOKS = 5


class Starts:
    """Carries out starts; the same one twice changes nothing."""

    def __init__(self, objects: WatchedObjects, writes: Writes) -> None:
        """Decide by ``objects``, act by ``writes``."""
        self._objects, self._writes = objects, writes

    async def start(self, start: Start) -> None:
        """Claim the GPUs and create the pod.

        Raises:
            ActionRefusedError: if the node is taken, unfit or gone, or the policy is.
        """
        pod = _manifest(start, self._objects.policies())
        if key_of(pod) in self._objects.pods.objects:
            return
        node = self._objects.nodes.objects.get(start.node)
        if node is None:
            raise ActionRefusedError(f"{start.node}: is not in the pool any more")
        await self._claim(node, start)
        await self._create(pod)

    async def _claim(self, node: Json, start: Start) -> None:
        for _ in range(_MOST_LOOKS - 1):
            try:
                return await self._claim_as_seen(node, start)
            except ConflictError:
                # A kubelet's heartbeat is no rival: look again, and give up only if it was one.
                node = await self._writes.read_node(start.node)
        return await self._claim_as_seen(node, start)

    async def _claim_as_seen(self, node: Json, start: Start) -> None:
        view = at_node(self._objects.view(), node)
        claims = valid_claims(node, view)
        if any(claim.replica == start.name for claim in claims):
            return
        _check_room(view, start)
        lifetime = self._objects.settings.claim_seconds
        claim = _claim_of(start, self._writes.epoch, view.now, lifetime)
        await self._writes.patch_node(start.node, claims_patch(node, (*claims, claim)))

    async def _create(self, pod: Json) -> None:
        try:
            await self._writes.create_pod(pod)
        except ConflictError as error:
            metadata = pod["metadata"]
            present = await self._writes.read_pod(metadata["namespace"], metadata["name"])
            if annotations_of(present).get(REPLICA) != annotations_of(pod)[REPLICA]:
                raise ActionRefusedError(f"pod {key_of(pod)} exists and is not ours") from error


def _manifest(start: Start, policies: Sequence[WorkloadPolicy]) -> Json:
    policy = _policy(start, policies)
    driver = DRIVERS.get(policy.restore.driver)
    if policy.pods is None or driver is None:
        allowed = " or ".join(DRIVERS)
        raise ActionRefusedError(
            f"{start.workload}: restore.driver {policy.restore.driver!r} starts no pods here:"
            f" must be {allowed}, with target.podTemplate and podSnapshotName"
        )
    return pod_of(start, policy.pods, driver)


def _policy(start: Start, policies: Sequence[WorkloadPolicy]) -> WorkloadPolicy:
    for policy in policies:
        if policy.workload == start.workload:
            return policy
    raise ActionRefusedError(f"{start.workload}: has no policy any more")


def _check_room(view: View, start: Start) -> None:
    """Refuse a start on a node that has no room, or may not be used; ``view`` is of it alone."""
    fleet = fleet_of(view)
    (seen,) = fleet.nodes
    if seen.unfit_reason:
        raise ActionRefusedError(f"{start.node}: {seen.unfit_reason}")
    free = fleet.free_gpus().get(start.node, 0)
    if free < start.gpus:
        raise ActionRefusedError(f"{start.node}: {free} GPUs free, {start.gpus} needed")


def _claim_of(start: Start, epoch: int, now: float, lifetime_seconds: float) -> Claim:
    namespace, _, _ = start.workload.rpartition("/")
    return Claim(
        replica=start.name,
        workload=start.workload,
        pod=f"{namespace}/{pod_name(start.workload, start.kind, start.name)}",
        kind=start.kind.value,
        gpus=start.gpus,
        attempt=start.attempt,
        epoch=epoch,
        claimed_at=now,
        expires_at=now + lifetime_seconds,
        deadline_at=start.deadline_at,
    )
