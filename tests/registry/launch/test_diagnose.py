"""Objects as clusters have them when something is wrong, and the sentence that is made of them."""

from __future__ import annotations

from typing import Any

import pytest
from podium.client.model_files import CHANGED
from podium.registry.launch.diagnose import diagnose

from .live import condition, workload

_IMAGE = "reg.example.com/train@sha256:" + "0" * 64
_Object = dict[str, Any]


def _pod(*containers: _Object, init: tuple[_Object, ...] = (), **status: Any) -> _Object:
    """A pod whose container main is limited to 8Gi."""
    limits = {"resources": {"limits": {"memory": "8Gi"}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "churn-1-0", "namespace": "team"},
        "spec": {"containers": [{"name": "main", **limits}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": list(containers),
            "initContainerStatuses": list(init),
            **status,
        },
    }


def _waits(reason: str, message: str = "", **more: Any) -> _Object:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"name": "main", "image": _IMAGE, "restartCount": 0, "state": state, **more}


def _ended(
    code: int, reason: str = "Error", message: str = "", name: str = "main", at: str = "09:40"
) -> _Object:
    ended = {"exitCode": code, "reason": reason, "message": message, "finishedAt": _at(at)}
    return {"name": name, "image": _IMAGE, "restartCount": 0, "state": {"terminated": ended}}


def _at(time: str) -> str:
    return f"2026-11-24T{time}:00Z"


def _dated(created: str, *containers: _Object, name: str, **status: Any) -> _Object:
    pod = _pod(*containers, **status)
    meta = {**pod["metadata"], "name": name, "creationTimestamp": _at(created)}
    return {**pod, "metadata": meta}


_EVICTED = _dated(
    "09:00",
    _ended(137, at="09:30"),
    name="churn-1-0",
    phase="Failed",
    reason="Evicted",
    conditions=[condition("DisruptionTarget", "True", "TerminationByKubelet")],
)


def _event(reason: str, message: str, when: str = "2026-11-24T09:00:00Z") -> _Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": when,
    }


def _unscheduled(message: str, reason: str = "Unschedulable") -> _Object:
    return _pod(conditions=[condition("PodScheduled", "False", reason, message)])


def _going(status: _Object, last: _Object) -> _Object:
    """A pod that is being deleted, whose container has ended once before."""
    pod = _pod({**status, "lastState": last["state"]})
    return {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "2026-11-24T09:00:00Z"}}


def _status(reason: str, code: int, message: str) -> _Object:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "code": code,
        "message": message,
    }


def _kserve(transition: str, reason: str, message: str) -> _Object:
    failure = {"reason": reason, "message": message}
    model = {"transitionStatus": transition, "lastFailureInfo": failure}
    return {"kind": "InferenceService", "metadata": {"name": "m"}, "status": {"modelStatus": model}}


def _job(kind: str, reason: str) -> _Object:
    found = condition(kind, "True" if kind == "Failed" else "False", reason)
    return {"kind": "Job", "metadata": {"name": "j"}, "status": {"conditions": [found]}}


_BACK_OFF = f'Back-off pulling image "{_IMAGE}"'
_QUOTA = (
    'pods "churn-1-0-x7k2p" is forbidden: exceeded quota: team-gpus, '
    "requested: requests.nvidia.com/gpu=4, used: requests.nvidia.com/gpu=6, "
    "limited: requests.nvidia.com/gpu=8"
)
_POD_SECURITY = (
    'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != '
    'false (container "wait" must set securityContext.allowPrivilegeEscalation=false)'
)
_NO_ROOM = (
    "0/12 nodes are available: 4 Insufficient nvidia.com/gpu, 8 node(s) didn't match Pod's node "
    "affinity/selector. preemption: 0/12 nodes are available: 12 Preemption is not helpful."
)
_NO_LABEL = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
_TAINT = "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: ml}."
_SHORT = "0/3 nodes are available: 3 Insufficient cpu, 2 Insufficient memory."
_ROOT = (
    "container has runAsNonRoot and image will run as root "
    '(pod: "churn-1-0_team(5f0c)", container: main)'
)
_QUEUE = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in "
    "flavor h100, 3 more needed"
)


def _queued(reason: str, message: str) -> _Object:
    return workload(condition("QuotaReserved", "False", reason, message))


_CHANGED = (
    "podium: 7 files of churn\n"
    f"podium: Version 7 of churn: model.pkl {CHANGED}: it has 3 bytes instead of 4. Register …"
)
_CASES: list[tuple[str, list[_Object], str, str, str]] = [
    (
        "killed for memory",
        [_pod(_ended(137, "OOMKilled"))],
        "OOMKilled",
        "main used more memory than its limit of 8Gi and was killed.",
        "resources.memory",
    ),
    (
        "killed for memory and started again, which failed too",
        [_pod(_waits("CrashLoopBackOff", lastState=_ended(137, "OOMKilled")["state"]))],
        "OOMKilled",
        "main used more memory than its limit of 8Gi and was killed.",
        "resources.memory",
    ),
    (
        "an image that is not there",
        [
            _pod(_waits("ImagePullBackOff", _BACK_OFF)),
            _event("Failed", f'Failed to pull image "{_IMAGE}": manifest unknown'),
        ],
        "ImagePull",
        f"The image {_IMAGE} is not in the registry.",
        "digest",
    ),
    (
        "an image that is not ours",
        [_pod(_waits("ErrImagePull", "pull access denied, repository requires authorization"))],
        "ImagePull",
        f"The image {_IMAGE} may not be pulled: the registry asks who is calling.",
        "pull secret",
    ),
    (
        "an image of another processor",
        [_pod(_waits("ErrImagePull", "no match for platform in manifest: not found"))],
        "ImagePull",
        f"The image {_IMAGE} is not made for the processor of the node.",
        "platform",
    ),
    (
        "a registry out of reach",
        [_pod(_waits("ErrImagePull", "dial tcp: lookup reg.example.com: no such host"))],
        "ImagePull",
        f"The image {_IMAGE} is in a registry that the node does not reach.",
        "registry",
    ),
    (
        "an image, and nothing says why",
        [_pod(_waits("ImagePullBackOff", _BACK_OFF))],
        "ImagePull",
        f"The image {_IMAGE} cannot be pulled.",
        "pull secret",
    ),
    (
        "a crash, again and again",
        [_pod(_waits("CrashLoopBackOff", restartCount=5, lastState=_ended(1)["state"]))],
        "CrashLoop",
        "main ended with status 1, 5 times.",
        "logs",
    ),
    (
        "a command that is not in the image",
        [_pod(_ended(127, message="sh: trian: not found"))],
        "Crashed",
        "main ended with status 127: its command is not in the image.",
        "command",
    ),
    (
        "files that are not what was registered",
        [_pod(_waits("CrashLoopBackOff", lastState=_ended(1, message=_CHANGED)["state"]))],
        "FilesChanged",
        "A file of the version is not what was registered, so it is not served.",
        "Register",
    ),
    ("a segmentation fault", [_pod(_ended(139))], "Crashed", "main crashed (SIGSEGV).", "logs"),
    (
        "no GPU",
        [_unscheduled(_NO_ROOM)],
        "Unschedulable",
        "No node has enough free nvidia.com/gpu for the pod churn-1-0.",
        "resources.gpu",
    ),
    (
        "neither CPU nor memory",
        [_unscheduled(_SHORT)],
        "Unschedulable",
        "No node has enough free cpu and memory for the pod churn-1-0.",
        "resources (cpu, memory)",
    ),
    (
        "no node of that kind",
        [_unscheduled(_NO_LABEL)],
        "NoSuchNode",
        "The pod churn-1-0 waits: no node has the labels it asks for.",
        "gpu.product",
    ),
    (
        "a taint",
        [_unscheduled(_TAINT)],
        "Tainted",
        "The pod churn-1-0 waits: the nodes that are left keep others away by a taint.",
        "tolerations",
    ),
    (
        "a quota, said in an event",
        [_event("FailedCreate", f"Error creating: {_QUOTA}")],
        "Quota",
        "The namespace's quota team-gpus does not leave enough (requests.nvidia.com/gpu=4 asked).",
        "ResourceQuota",
    ),
    (
        "a quota, said by a deployment",
        [
            {
                "kind": "Deployment",
                "status": {
                    "conditions": [condition("ReplicaFailure", "True", "FailedCreate", _QUOTA)]
                },
            }
        ],
        "Quota",
        "The namespace's quota team-gpus does not leave enough (requests.nvidia.com/gpu=4 asked).",
        "ResourceQuota",
    ),
    (
        "Pod Security",
        [_event("FailedCreate", f"Error creating: {_POD_SECURITY}")],
        "AdmissionRefused",
        "The namespace's Pod Security profile restricted refused the pod.",
        "template",
    ),
    (
        "Pod Security, said by training-operator",
        [_event("FailedCreatePod", f"Error creating: {_POD_SECURITY}")],
        "AdmissionRefused",
        "The namespace's Pod Security profile restricted refused the pod.",
        "template",
    ),
    (
        "a Job that JobSet cannot make",
        [
            _event(
                "JobCreationFailed",
                'job "churn-1-node-0" creation failed with error: Job.batch "churn-1-node-0" is '
                "invalid: spec.template.spec.containers[0].image: Required value",
            )
        ],
        "Invalid",
        "The API server refused spec.template.spec.containers[0].image of what was to be made of "
        "the object.",
        "runtime",
    ),
    (
        "a JobSet that Trainer cannot make",
        [
            _event(
                "TrainJobResourcesCreationFailed",
                'TrainJob resources reconciliation failed: admission webhook "vjobset.kb.io" '
                "denied the request: invalid replicatedJob name 'no-such'",
            )
        ],
        "AdmissionRefused",
        "The admission webhook vjobset.kb.io refused the object.",
        "message",
    ),
    (
        "no service account",
        [
            _event(
                "FailedCreate",
                'error looking up service account team/x: serviceaccount "x" not found',
            )
        ],
        "MissingServiceAccount",
        "There is no service account x in the namespace.",
        "service_account",
    ),
    (
        "a webhook",
        [
            _status(
                "BadRequest",
                400,
                'admission webhook "isvc.kserve-webhook-server.validator" denied the '
                "request: canary is only supported in Standard deployment mode",
            )
        ],
        "AdmissionRefused",
        "The admission webhook isvc.kserve-webhook-server.validator refused the object.",
        "message",
    ),
    (
        "no CRD",
        [_status("NotFound", 404, "the server could not find the requested resource")],
        "MissingCRD",
        "The cluster does not know this kind of object: its system is not installed.",
        "podium launch targets",
    ),
    (
        "no right",
        [
            _status(
                "Forbidden",
                403,
                'jobs.batch is forbidden: User "system:serviceaccount:podium:podium" cannot create '
                'resource "jobs" in API group "batch" in the namespace "team"',
            )
        ],
        "Forbidden",
        "Podium may not create jobs of batch in the namespace team.",
        "Give podium/podium this right: podium launch rbac --namespace team",
    ),
    (
        "no namespace",
        [_status("NotFound", 404, 'namespaces "tema" not found')],
        "MissingNamespace",
        "There is no namespace tema.",
        "namespace",
    ),
    (
        "a group that is not installed",
        [_status("Not Found", 404, "404 page not found\n")],
        "MissingCRD",
        "The cluster does not know this kind of object: its system is not installed.",
        "Install",
    ),
    (
        "an admission policy",
        [
            _status(
                "Invalid",
                422,
                "jobs.batch \"x\" is forbidden: ValidatingAdmissionPolicy 'owned' with binding "
                "'owned' denied request: every job names its team",
            )
        ],
        "AdmissionRefused",
        "The cluster's admission policy owned refused the object: every job names its team.",
        "administrator",
    ),
    (
        "an unknown field",
        [_status("BadRequest", 400, 'strict decoding error: unknown field "spec.foo"')],
        "Invalid",
        "The API server refused spec.foo of the object.",
        "field",
    ),
    (
        "an unknown field of an apply",
        [
            _status(
                "",
                500,
                "failed to create typed patch object (team/x; batch/v1, Kind=Job): "
                ".spec.foo: field not declared in schema",
            )
        ],
        "Invalid",
        "The API server refused spec.foo of the object.",
        "overlay",
    ),
    (
        "values that may not be",
        [
            _status(
                "Invalid",
                422,
                'Job.batch "x" is invalid: [spec.backoffLimit: Invalid value: -1: must be 0 or '
                "more, spec.template.spec.containers[0].image: Required value, spec.backoffLimit: "
                "Invalid value: -1: again]",
            )
        ],
        "Invalid",
        "The API server refused spec.backoffLimit and spec.template.spec.containers[0].image "
        "of the object.",
        "overlay",
    ),
    (
        "a request that it does not understand",
        [_status("BadRequest", 400, "the body of the request was in an unknown format")],
        "Invalid",
        "The API server refused a field of the object.",
        "field",
    ),
    (
        "no queue",
        [_queued("Misconfigured", "LocalQueue team-queue doesn't exist")],
        "MissingLocalQueue",
        "There is no LocalQueue team-queue in the namespace, so nothing will ever start it.",
        "localqueues",
    ),
    (
        "a queue that is off",
        [_queued("Suspended", "ClusterQueue cq is inactive")],
        "QueueInactive",
        "The queue team-queue is turned off or its ClusterQueue is missing.",
        "active",
    ),
    (
        "a full queue",
        [_queued("WaitingForQuota", _QUEUE)],
        "QueueFull",
        "The queue team-queue has not enough left of nvidia.com/gpu (3 more needed); "
        "it waits its turn.",
        "priority",
    ),
    (
        "no Secret for a variable",
        [_pod(_waits("CreateContainerConfigError", 'secret "s3-creds" not found'))],
        "MissingSecret",
        "There is no Secret s3-creds in the namespace.",
        "kubectl get secrets",
    ),
    (
        "no Secret for a volume",
        [
            _pod(_waits("ContainerCreating")),
            _event(
                "FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "tls" not found'
            ),
        ],
        "MissingSecret",
        "There is no Secret tls in the namespace.",
        "kubectl get secrets",
    ),
    (
        "no such key",
        [
            _pod(
                _waits(
                    "CreateContainerConfigError", "couldn't find key TOKEN in Secret team/podium"
                )
            )
        ],
        "MissingSecretKey",
        "The Secret podium has no key TOKEN.",
        "key",
    ),
    (
        "an image that runs as root",
        [_pod(_waits("CreateContainerConfigError", _ROOT))],
        "RunsAsRoot",
        "The image of main wants to run as root, or as a user without a number.",
        "run_as_user",
    ),
    (
        "a lost node",
        [
            _pod(
                phase="Failed",
                reason="NodeLost",
                message="Node gpu-7 which was running pod is gone",
            )
        ],
        "NodeLost",
        "The node of the pod churn-1-0 is gone or does not answer.",
        "another node",
    ),
    (
        "a node that does not answer",
        [_pod(conditions=[condition("DisruptionTarget", "True", "DeletionByTaintManager")])],
        "NodeLost",
        "The node of the pod churn-1-0 is gone or does not answer.",
        "another node",
    ),
    (
        "an eviction",
        [_pod(phase="Failed", reason="Evicted", message="The node was low on ephemeral-storage.")],
        "Evicted",
        "The node evicted the pod churn-1-0 because it ran short.",
        "/scratch",
    ),
    (
        "a preemption",
        [_pod(conditions=[condition("DisruptionTarget", "True", "PreemptionByScheduler")])],
        "Preempted",
        "The pod churn-1-0 made room for one of a higher priority.",
        "priority",
    ),
    (
        "two of a shared GPU",
        [_pod(phase="Failed", reason="UnexpectedAdmissionError", message="Allocate failed")],
        "DeviceRefused",
        "The node took the pod churn-1-0 and then had no such GPU for it.",
        "shared GPU",
    ),
    (
        "a model that cannot be fetched",
        [_pod(init=(_ended(1, message="AccessDenied", name="storage-initializer"),))],
        "ModelNotFetched",
        "The model could not be fetched: storage-initializer ended with status 1.",
        "credentials",
    ),
    (
        "a model that cannot be loaded",
        [_kserve("BlockedByFailedLoad", "ModelLoadFailed", "No such file: model.pkl")],
        "ModelLoadFailed",
        "The server runs, but cannot load the model.",
        "serving.format",
    ),
    (
        "no runtime",
        [_kserve("InvalidSpec", "NoSupportingRuntime", "No runtime found")],
        "NoSupportingRuntime",
        "No serving runtime of the cluster takes this model format.",
        "options.runtime",
    ),
    (
        "a deadline",
        [_job("Failed", "DeadlineExceeded")],
        "DeadlineExceeded",
        "It had not ended by its deadline.",
        "deadline",
    ),
    (
        "never ready",
        [_job("Progressing", "ProgressDeadlineExceeded")],
        "NotReady",
        "It did not become ready in time.",
        "serving.port",
    ),
    (
        "not ready",
        [
            _pod({"name": "main", "state": {"running": {}}}),
            _event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404"),
        ],
        "NotReady",
        "It runs and does not answer that it is ready.",
        "serving.ready",
    ),
]


@pytest.mark.parametrize(
    ("objects", "code", "sentence", "fix"),
    [case[1:] for case in _CASES],
    ids=[case[0] for case in _CASES],
)
def test_a_sentence_and_a_fix(objects: list[_Object], code: str, sentence: str, fix: str) -> None:
    found = diagnose(objects)
    assert found is not None
    assert (found.code, found.sentence) == (code, sentence)
    assert fix in found.fix
    assert found.fix.endswith(".")


def test_what_the_cluster_said_itself_is_kept() -> None:
    found = diagnose([_unscheduled(_NO_ROOM)])
    assert found is not None
    assert found.said == _NO_ROOM


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [_pod({"name": "main", "state": {"running": {}}}, phase="Running")],
        [_pod(_ended(0, "Completed"), phase="Succeeded")],
        [_pod(_waits("ContainerCreating"))],
        [
            _pod(
                _waits("PodInitializing"),
                init=(_ended(0, "Completed", name="storage-initializer"),),
            )
        ],
        # Kueue holds it back until it is admitted.
        [_unscheduled("", "SchedulingGated")],
        [workload(condition("QuotaReserved"), condition("Admitted"))],
        [{"kind": "Pod"}, {"kind": "Event"}, {"kind": "Status"}, {}],
        [
            {
                "apiVersion": "v1",
                "kind": "Event",
                "type": "Normal",
                "reason": "Failed",
                "message": "x",
            }
        ],
    ],
)
def test_nothing_is_made_of_what_is_well_or_says_nothing(objects: list[_Object]) -> None:
    assert diagnose(objects) is None


def test_the_cause_is_named_before_what_follows_from_it() -> None:
    waits = _pod(_waits("CreateContainerConfigError", 'secret "s3" not found'))
    crashes = _pod(_ended(1))
    for objects in ([waits, crashes], [crashes, waits]):
        found = diagnose(objects)
        assert found is not None
        assert found.code == "MissingSecret"


def test_the_newest_event_speaks() -> None:
    events = [
        _event("Failed", "unauthorized", "2026-11-24T09:00:00Z"),
        _event("Failed", "unauthorized: token expired", "2026-11-24T09:30:00Z"),
    ]
    found = diagnose([_pod(_waits("ImagePullBackOff")), *events])
    assert found is not None
    assert found.said.startswith("unauthorized: token expired")


def test_of_a_pod_that_is_taken_away_what_it_ended_with_before() -> None:
    found = diagnose([_going(_ended(143), _ended(3, message="no such file"))])
    assert found
    assert (found.sentence, found.said) == ("main ended with status 3.", "no such file")
    assert diagnose([_going(_ended(143), {"state": {}})]) is None
    found = diagnose([_going(_ended(137, "OOMKilled"), {"state": {}})])
    assert found
    assert found.code == "OOMKilled"


class TestAPodThatTheNodeHasTaken:
    """``_EVICTED`` went at half past nine."""

    def test_another_in_its_place_says_why_it_fails(self) -> None:
        later = _dated("09:31", _ended(3), name="churn-1-1")
        for objects in ([_EVICTED, later], [later, _EVICTED]):
            found = diagnose(objects)
            assert found
            assert found.sentence == "main ended with status 3."
        late = _job("Failed", "DeadlineExceeded")
        well = _dated("09:31", {"name": "main", "state": {"running": {}}}, name="churn-1-1")
        assert self._code([_EVICTED, well, late]) == "DeadlineExceeded"
        assert diagnose([_EVICTED, well]) is None

    def test_it_is_why_those_beside_it_fell(self) -> None:
        beside = _dated("09:00", _ended(1, at="09:32"), name="churn-1-1")
        again = _dated("09:31", {"name": "main", "state": {"running": {}}}, name="churn-1-2")
        assert self._code([_EVICTED, beside]) == "Evicted"
        assert self._code([_EVICTED, beside, again]) == "Evicted"

    def test_what_fell_before_has_nothing_to_do_with_it(self) -> None:
        before = _dated("08:00", _ended(1, at="08:30"), name="churn-1-1")
        assert self._code([before, _EVICTED]) == "Evicted"
        later = _dated("09:31", _ended(3), name="churn-1-2")
        assert self._code([before, _EVICTED, later]) == "Crashed"

    def _code(self, objects: list[_Object]) -> str:
        found = diagnose(objects)
        assert found
        return found.code
