"""A start: first the claim on the node, then the pod."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from controller.actions import Start
from controller.adapters.kubernetes.cache_changes import key_of
from controller.adapters.kubernetes.claims import Claim
from controller.adapters.kubernetes.drivers.known import DRIVERS
from controller.adapters.kubernetes.errors import ConflictError, RefusedError
from controller.adapters.kubernetes.exchange import Json
from controller.adapters.kubernetes.fleet import View, at_node, fleet_of, valid_claims
from controller.adapters.kubernetes.manifests import pod_of
from controller.adapters.kubernetes.marks import claims_kept_patch, claims_patch
from controller.adapters.kubernetes.names import REPLICA, annotations_of, pod_name
from controller.adapters.kubernetes.refused_starts import RefusedStarts
from controller.adapters.kubernetes.scale_owners import Obstacle
from controller.adapters.kubernetes.watched_objects import WatchedObjects
from controller.adapters.kubernetes.writes import Writes
from controller.cluster_view import Fleet
from controller.errors import ActionRefusedError, ClusterUnavailableError, StartRefusedError
from controller.policy import WorkloadPolicy
from models.forecast import WorkloadName

_log = logging.getLogger(__name__)
#: A new node is written to by several at once; a rival shows at the first look.
_MOST_LOOKS = 5
_LOOK_SECONDS = 1.0
#: In the words of an API server one of whose webhooks can't judge a pod that is not to be: then
#: only a true one tells.
_NO_TRIALS = "does not support dry run"


class Starts:
    """Carries out starts; the same one twice changes nothing."""

    def __init__(self, objects: WatchedObjects, writes: Writes) -> None:
        """Decide by ``objects``, act by ``writes``."""
        self._objects, self._writes = objects, writes
        self._refused = RefusedStarts()

    def shown_on(self, fleet: Fleet) -> Fleet:
        """Return a fleet whose nodes are not for those whose pods are refused."""
        return self._refused.shown_on(fleet, self._objects.policies())

    def obstacles(self) -> Mapping[WorkloadName, Obstacle]:
        """Return whose pods were refused last, and why."""
        return self._refused.obstacles(self._objects.policies())

    async def start(self, start: Start) -> None:
        """Claim the GPUs and create the pod.

        Raises:
            StartRefusedError: if no pod of this workload would be taken.
            ActionRefusedError: if the node is taken, unfit or gone, or the policy is.
        """
        policy = _policy(start, self._objects.policies())
        if why := self._refused.why_not(policy):
            raise ActionRefusedError(why)
        try:
            await self._start(start, _manifest(start, policy))
        except StartRefusedError as error:
            now = self._objects.clock()
            self._refused = self._refused.after_refusal(policy, start, str(error), now)
            raise
        self._refused = self._refused.after_start(start.workload)

    async def run_forever(self) -> None:
        """Ask now and then whether what was refused still would be, until cancelled."""
        while True:
            try:
                await self.ask_again()
            except ClusterUnavailableError as error:
                _log.info("cluster: %s", error)
            except Exception:  # a bug met at one workload must not end the process
                _log.exception("asking for refused pods failed and will be tried again")
            await asyncio.sleep(_LOOK_SECONDS)

    async def ask_again(self) -> None:
        """Ask once for all of whom it is time to, without creating anything.

        Raises:
            ClusterUnavailableError: if the API server does not answer.
        """
        policies, now = self._objects.policies(), self._objects.clock()
        for one in self._refused.to_ask(policies, now):
            try:
                await self._writes.try_pod(_manifest(one.start, one.policy))
            except RefusedError as error:
                # A name that is taken says nothing of the next pod.
                if not isinstance(error, ConflictError) and _NO_TRIALS not in str(error):
                    why, now = _refused(one.start, error), self._objects.clock()
                    self._refused = self._refused.after_refusal(one.policy, one.start, why, now)
                    continue
            except ActionRefusedError:
                continue  # somebody else leads, or the template is as it was
            self._refused = self._refused.after_consent(one.policy)

    async def _start(self, start: Start, pod: Json) -> None:
        if key_of(pod) in self._objects.pods.objects:
            return
        node = self._objects.nodes.objects.get(start.node)
        if node is None:
            raise ActionRefusedError(f"{start.node}: is not in the pool any more")
        await self._upon_newest(node, lambda seen: self._claim_as_seen(seen, start))
        try:
            await self._create(pod)
        except ActionRefusedError as error:
            await self._give_back(start)
            if not isinstance(error, RefusedError):
                raise
            raise StartRefusedError(_refused(start, error)) from error

    async def _upon_newest(self, node: Json, write: Callable[[Json], Awaitable[None]]) -> None:
        for _ in range(_MOST_LOOKS - 1):
            try:
                return await write(node)
            except ConflictError:
                # A kubelet's heartbeat is no rival: look again, and give up only if it was one.
                node = await self._writes.read_node(node["metadata"]["name"])
        return await write(node)

    async def _claim_as_seen(self, node: Json, start: Start) -> None:
        view = at_node(self._objects.view(), node)
        claims = valid_claims(node, view)
        if any(claim.replica == start.name for claim in claims):
            return
        _check_room(view, start)
        lifetime = self._objects.settings.claim_seconds
        claim = _claim_of(start, self._writes.epoch, view.now, lifetime)
        await self._writes.patch_node(start.node, claims_patch(node, (*claims, claim)))

    async def _give_back(self, start: Start) -> None:
        """Take a start's claim off its node; one that can't be taken off ends by itself."""

        async def write(seen: Json) -> None:
            claims = valid_claims(seen, at_node(self._objects.view(), seen))
            kept = [claim for claim in claims if claim.replica != start.name]
            if len(kept) < len(claims):
                await self._writes.patch_node(start.node, claims_kept_patch(seen, kept))

        node = self._objects.nodes.objects.get(start.node)
        if node is not None:
            with contextlib.suppress(ActionRefusedError, ClusterUnavailableError):
                await self._upon_newest(node, write)

    async def _create(self, pod: Json) -> None:
        try:
            await self._writes.create_pod(pod)
        except ConflictError as error:
            metadata = pod["metadata"]
            present = await self._writes.read_pod(metadata["namespace"], metadata["name"])
            if annotations_of(present).get(REPLICA) != annotations_of(pod)[REPLICA]:
                raise ActionRefusedError(f"pod {key_of(pod)} exists and is not ours") from error


def _refused(start: Start, error: RefusedError) -> str:
    return f"{start.workload}: its pod is refused: {error}"


def _manifest(start: Start, policy: WorkloadPolicy) -> Json:
    driver = DRIVERS.get(policy.restore.driver)
    if policy.pods is None or driver is None:
        allowed = " or ".join(DRIVERS)
        raise StartRefusedError(
            f"{start.workload}: restore.driver {policy.restore.driver!r} starts no pods here:"
            f" must be {allowed}, with target.podTemplate and podSnapshotName"
        )
    try:
        return pod_of(start, policy.pods, driver)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # Templates are Kubernetes' own: what was not foreseen of one is that workload's trouble.
        raise StartRefusedError(
            f"{start.workload}: spec.target.podTemplate can't be made a pod"
            f" ({type(error).__name__}: {error}): must be as in a Deployment"
        ) from error


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
