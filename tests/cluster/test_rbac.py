"""The Role of launches on a real API server: it is enough, and none of its verbs is too much.

The worker launches to every target as its service account, and the API server's audit log says what
it was asked for. Then each verb is taken away in turn: what needs it is refused, and a launch says
which right is missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from podium.client.launches import Launch, LaunchState
from podium.registry.launch import rbac
from podium.registry.launch.cluster import Cluster as Door
from podium.registry.launch.cluster import Log
from podium.registry.launch.diagnose import diagnose
from podium.registry.launch.kinds import EVENT, POD, WORKLOAD, kind_of
from podium.registry.launch.kube import Refused as DoorRefused
from podium.registry.launch.site import Connection
from podium.registry.launch.spec import Purpose
from podium.registry.launch.targets import TARGETS
from podium.registry.launches.read import launch_events
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from ..registry.launch.samples import full, manifests, minimal
from ..registry.launch.schemas import resource
from .control_plane import Cluster
from .launched import condition
from .processes import wait_for
from .rest import Object
from .test_targets import DEFINITIONS, MONITORS, ON_KUBERNETES
from .world import World, account

Row = tuple[tuple[str, str], str]
"""Group and resource, and a verb."""

# How each of them says that it runs, by the status of its main object.
_RUNNING: dict[str, dict[str, Any]] = {
    "trainjob": {
        "jobsStatus": [
            {"name": "node", "ready": 1, "active": 1, "failed": 0, "succeeded": 0, "suspended": 0}
        ]
    },
    "pytorchjob": {"conditions": [condition("Running")], "replicaStatuses": {}},
    "rayjob": {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"},
    "rayservice": {"conditions": [condition("Ready")]},
    "argo": {"phase": "Running"},
    "katib": {"conditions": [condition("Running")]},
    "kserve": {"conditions": [condition("Ready")]},
    "seldon": {"state": "Available"},
    "seldon2": {"conditions": [condition("ModelReady"), condition("ExperimentReady")]},
}
# And those whose controllers say that they are stopped.
_STOPPED: dict[str, dict[str, Any]] = {
    "argo": {"phase": "Failed", "message": "Stopped with strategy 'Stop'"},
    "kserve": {"conditions": [condition("Stopped")]},
}


@pytest.fixture
def world(  # noqa: PLR0917  (fixtures)
    sqlite_url: str,
    store: ArtifactStore,
    cluster: Cluster,
    namespace: str,
    custom: Callable[..., None],
    tmp_path: Any,
) -> Iterator[World]:
    custom(*(each for names in DEFINITIONS.values() for each in names), *MONITORS)
    custom("workloads.kueue.x-k8s.io")
    db = Database(sqlite_url, pool_size=4)
    yield World(db, store, cluster, namespace, tmp_path)
    db.close()


def test_launching_everywhere_takes_all_of_it_and_nothing_else(world: World) -> None:
    for target in ON_KUBERNETES:
        _launch_and_stop(world, target)
    _stop_one_in_a_queue(world)
    asked = _asked(world)
    refused = {each for each, allowed in asked.items() if not allowed}
    assert refused == set()
    table = {(*each, verb) for each, verbs in rbac.verbs().items() for verb in verbs}
    seen = {each for each in asked if each[2] != "create"}
    assert (sorted(seen - table), sorted(table - seen)) == (
        [],
        sorted(each for each in table if each[2] == "create"),
    )


def test_with_one_verb_less_something_is_refused_and_named(world: World) -> None:
    """Each verb of the table in turn: an account that has all but this one."""
    made = _made(world.namespace)
    table = [(each, verb) for each, verbs in rbac.verbs().items() for verb in verbs]
    accounts = Accounts(world)
    for number, row in enumerate(table):
        accounts.add(f"less-{number}", row)
    said = {}
    for number, ((group, plural), verb) in enumerate(table):
        one = accounts.door(f"less-{number}")
        ask = partial(_refused, _ask(one, made, (group, plural), verb))
        refused = wait_for(f"{verb} {plural} is refused", ask, 10)
        found = diagnose([refused.answer])
        assert found, refused.answer
        said[(group, plural), verb] = found.sentence
    space = world.namespace
    assert said == {
        ((group, plural), verb): f"Podium may not {verb} {plural}"
        f"{f' of {group}' if group else ''} in the namespace {space}."
        for (group, plural), verb in table
    }


# What each right over a Job is for, and where one reads that it is not there.
_OF_A_JOB = (
    *((("batch", "jobs"), verb) for verb in rbac.verbs()["batch", "jobs"]),
    *((each, verb) for each, verbs in rbac.WATCHED.items() for verb in verbs),
)


# Warnings are read every ten seconds and what was refused is tried again as often; a dozen clusters
# wait for one another, and for a machine that has other things to do.
_PATIENCE = 240


def test_a_launch_says_which_right_is_missing(world: World) -> None:
    """The same over the worker, for a Job: each launch in a cluster that is this one, seen by an
    account that has all rights but one."""
    accounts = Accounts(world)
    site = json.loads(world.path.read_text())
    for number, row in enumerate(_OF_A_JOB):
        path = accounts.add(f"blind-{number}", row)
        site["clusters"][f"blind-{number}"] = {
            "kubeconfig": str(path),
            "namespace": world.namespace,
        }
    world.path.write_text(json.dumps(site))
    started = {
        row: world.start(_that_needs(row, cluster=f"blind-{number}"))
        for number, row in enumerate(_OF_A_JOB)
    }
    told: dict[Any, set[str]] = {row: set() for row in _OF_A_JOB}
    stopped: set[Any] = set()

    def all_told() -> bool:
        for number, row in enumerate(_OF_A_JOB):
            world.worker.look_after(f"blind-{number}")
            told[row] |= _told(world, started[row])
            if row not in stopped and world.now(started[row]).state in _THERE:
                _follow_up(world, started[row], row)
                stopped.add(row)
        return all(_names(told[row], row, world.namespace) for row in _OF_A_JOB)

    try:
        wait_for("every launch says what is missing", all_told, _PATIENCE)
    except AssertionError as late:
        silent = [r for r in _OF_A_JOB if not _names(told[r], r, world.namespace)]
        there = {row: (world.now(started[row]), told[row]) for row in silent}
        raise AssertionError(f"{late}: {there}") from None


_THERE = (LaunchState.PENDING, LaunchState.RUNNING)


def _that_needs(row: Row, cluster: str) -> dict[str, Any]:
    (_, plural), verb = row
    spec = {**minimal("job"), "cluster": cluster, "env": {"KWOK_SECONDS": f"{_PATIENCE}s"}}
    if plural == "workloads" or verb == "delete":
        spec["queue"] = "team-queue"
    if plural == "events":
        spec["env"] = {"KWOK_START": "never"}  # and nothing of the pod says why
    return spec


def _follow_up(world: World, launch: Launch, row: Row) -> None:
    (_, plural), verb = row
    if plural == "workloads":
        _workload(world, launch)
    if (plural, verb) in (
        ("jobs", "get"),
        ("jobs", "delete"),
        ("jobs", "patch"),
        ("pods/log", "get"),
        ("workloads", "patch"),
    ):
        world.stop(launch)


def _told(world: World, launch: Launch) -> set[str]:
    now = world.now(launch)
    found = {now.diagnosis.sentence} if now.diagnosis else set()
    return found | {each.message for each in launch_events(world.db, launch.launch_id)}


def _names(told: set[str], row: Row, namespace: str) -> bool:
    (_, plural), verb = row
    return any(
        each.startswith(f"Podium may not {verb} {plural}") and f"namespace {namespace}" in each
        for each in told
    )


class Accounts:
    """Service accounts that have the Role of launches without one verb."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rules = rbac.verbs()
        self._admin, self._namespace = world.cluster.admin, world.namespace

    def add(self, name: str, less: Row) -> Path:
        """The kubeconfig of one."""
        resource, verb = less
        rules = [
            {"apiGroups": [group], "resources": [plural], "verbs": left}
            for (group, plural), verbs in self._rules.items()
            if (left := [v for v in verbs if ((group, plural), v) != (resource, verb)])
        ]
        token = account(self._world.cluster, self._namespace, name, rules)
        path = self._world.path.with_name(name)
        return self._world.cluster.kubeconfig_of(token, path)

    def door(self, name: str) -> Door:
        return Door(name, Connection(kubeconfig=str(self._world.path.with_name(name))))


def _made(namespace: str) -> dict[tuple[str, str], dict[str, Any]]:
    """One object of each kind that launches make, by its resource; none waits in a queue, where it
    would be created and not applied."""
    return {
        resource(each): each
        for target in ON_KUBERNETES
        for each in manifests(
            {**full(target), "queue": None, "priority": None}, namespace=namespace
        )
    }


def _ask(
    door: Door, made: Mapping[tuple[str, str], dict[str, Any]], what: tuple[str, str], verb: str
) -> Callable[[], object]:
    """What the worker does with the right."""
    if what not in made:
        return _ask_of_a_pod(door, what, verb, made["batch", "jobs"]["metadata"]["namespace"])
    manifest = made[what]
    kind, meta = kind_of(manifest), manifest["metadata"]
    where = (kind, meta["namespace"])
    asked: dict[str, Callable[[], object]] = {
        "create": lambda: door.apply(manifest),
        "patch": lambda: door.apply(manifest),
        "get": lambda: door.get(*where, meta["name"]),
        "delete": lambda: door.delete(*where, meta["name"]),
        "list": lambda: door.list(*where),
        "watch": lambda: list(door.watch(*where, "0", seconds=1)),
    }
    return asked[verb]


def _ask_of_a_pod(
    door: Door, what: tuple[str, str], verb: str, namespace: str
) -> Callable[[], object]:
    kind = {"pods": POD, "pods/log": POD, "events": EVENT, "workloads": WORKLOAD}[what[1]]
    asked: dict[str, Callable[[], object]] = {
        "get": lambda: list(door.logs(namespace, Log("any"))),
        "list": lambda: door.list(kind, namespace),
        "patch": lambda: door.patch(kind, namespace, "any", {"spec": {"active": False}}),
        "watch": lambda: list(door.watch(kind, namespace, "0", seconds=1)),
    }
    return asked[verb]


def _refused(ask: Callable[[], object]) -> DoorRefused | None:
    try:
        ask()
    except DoorRefused as refused:
        return refused if refused.code_number == 403 else None
    return None  # the server has not heard of the account's Role yet


def _launch_and_stop(world: World, target: str) -> None:
    spec = full(target) if target in ("deployment", "seldon2") else minimal(target)
    spec = {name: value for name, value in spec.items() if name not in ("source", "queue")}
    spec |= {"env": {"KWOK_SECONDS": "60s"}} if "env" in TARGETS[target].TAKES else {}
    if "monitoring" in TARGETS[target].TAKES and target != "kserve":
        spec["monitoring"] = {"port": 9090}
    if target == "job":
        spec["workers"] = 2
    for name in ("service_account", "priority", "secrets", "run_id"):
        spec.pop(name, None)
    spec.setdefault("tracking", {"uri": "http://podium.svc"}) if target == "deployment" else None
    launch = world.start(spec)
    world.until(lambda: world.now(launch).state is not LaunchState.WAITING)
    _say(world, launch, _RUNNING.get(target))
    serves = spec["purpose"] == Purpose.SERVE or target == "raw"
    world.reaches(launch, LaunchState.READY if serves else LaunchState.RUNNING)
    world.stop(launch)
    world.worker.look_after("main")
    _say(world, launch, _STOPPED.get(target))
    world.reaches(launch, LaunchState.STOPPED)
    world.until(lambda: not world.objects(launch))


def _say(world: World, launch: Launch, status: dict[str, Any] | None) -> None:
    for each in world.objects(launch) if status else ():
        if each["kind"] not in ("PodMonitor", "Service"):
            world.cluster.admin.set_status(each, status or {})


def _stop_one_in_a_queue(world: World) -> None:
    launch = world.start({**minimal("job"), "queue": "team-queue"})
    world.reaches(launch, LaunchState.PENDING)
    workload = _workload(world, launch)
    world.stop(launch)
    world.until(lambda: not world.cluster.admin.again(workload)["spec"]["active"], 60)


def _workload(world: World, launch: Launch) -> Object:
    """As Kueue makes it of the Job that the launch is."""
    [job] = world.objects(launch)
    name = job["metadata"]["name"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name,
        "uid": job["metadata"]["uid"],
    }
    meta = {"name": f"job-{name}", "namespace": world.namespace, "ownerReferences": [owner]}
    pods = [{"name": "main", "count": 1, "template": {"spec": job["spec"]["template"]["spec"]}}]
    spec = {"active": True, "queueName": "team-queue", "podSets": pods}
    return world.cluster.admin.create(
        {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "Workload", "metadata": meta, "spec": spec}
    )


def _asked(world: World) -> dict[tuple[str, str, str], bool]:
    """Group, resource and verb of what the account asked for, and whether it was allowed."""
    user = f"system:serviceaccount:{world.namespace}:podium"
    found: dict[tuple[str, str, str], bool] = {}
    for line in world.cluster.audit.read_text().splitlines():
        event = json.loads(line)
        place = event.get("objectRef") or {}
        if event["user"]["username"] != user or "resource" not in place:
            continue
        name = "/".join(filter(None, [place["resource"], place.get("subresource")]))
        key = (place.get("apiGroup", ""), name, event["verb"])
        allowed = event["annotations"].get("authorization.k8s.io/decision") == "allow"
        found[key] = found.get(key, True) and allowed
    return found
