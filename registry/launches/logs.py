"""The logs of a launch: read from its pods, the last lines kept in its row, the whole in the store.

A cluster clears away what has ended after a while, pods and logs with it, so both are copied as
soon as a launch is over, and before it is stopped.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from podium.tracker.artifacts.base import ArtifactStore, Content
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.db import Database
from podium.tracker.models import Run
from podium.tracker.storage import digests
from sqlalchemy import select

from ..launch.cluster import Cluster, Log
from ..launch.kinds import POD
from ..launch.kube import NotNow
from ..launch.names import INSTANCE, LAUNCH, Manifest

KEPT_LINES = 200
_MOST_BYTES = 64 * 1024 * 1024  # of one container
_MOST_PODS = 32
FOLDER = "launch-logs"


@dataclass(frozen=True, slots=True)
class Line:
    """``at`` is when it was written, in RFC 3339."""

    at: str
    pod: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The last lines, the files' paths, and whether every pod could be asked."""

    last: str
    files: tuple[str, ...]
    whole: bool


def pods_of(cluster: Cluster, namespace: str, launch_id: str, instance: str) -> list[Manifest]:
    """Those of one attempt, the first worker first."""
    labels = f"{LAUNCH}={launch_id},{INSTANCE}={instance}"
    found = cluster.list(POD, namespace, labels=labels).items
    return sorted(found, key=lambda pod: (_index(pod), str(pod["metadata"]["name"])))


def lines(cluster: Cluster, namespace: str, log: Log, *, seconds: float = 30) -> Iterator[Line]:
    for line in cluster.logs(namespace, log, seconds=seconds):
        at, _, text = line.partition(" ")
        yield Line(at, log.pod, text)


def keep(
    cluster: Cluster,
    db: Database,
    store: ArtifactStore,
    root: ArtifactPath,
    *,
    namespace: str,
    pods: Sequence[Manifest],
    below: str = FOLDER,
) -> Kept:
    """Copy what the pods have written to the folder ``below`` of ``root``."""
    kept: list[str] = []
    last: list[str] = []
    whole = True
    for pod in pods[:_MOST_PODS]:
        name = str(pod["metadata"]["name"])
        for container in containers(pod):
            path = ArtifactPath.parse(f"{below}/{name}.{container}.log")
            with tempfile.TemporaryFile() as copy:
                length = 0
                tail: deque[str] = deque(maxlen=KEPT_LINES)
                log = Log(name, container, limit=_MOST_BYTES)
                try:
                    for line in lines(cluster, namespace, log):
                        length += copy.write(f"{line.at} {line.text}\n".encode())
                        tail.append(line.text)
                except NotNow:  # its node does not answer, which says nothing of the cluster
                    whole = False
                if not length:
                    continue
                copy.seek(0)
                digests.put(db, store, root / path, copy, length=length)
            kept.append(path.key)
            last = last or list(tail)
    return Kept("\n".join(last), tuple(kept), whole)


def folder(db: Database, run_id: str | None, launch_id: str) -> ArtifactPath:
    """With the files of its run or, where it has none, in a folder of its own."""
    with db.reading() as session:
        uri = session.scalar(select(Run.artifact_uri).where(Run.run_id == (run_id or "")))
    return parse_artifact_uri(uri) if uri else ArtifactPath(f"launches/{launch_id}")


def files_of(kept: Sequence[str]) -> dict[str, ArtifactPath]:
    """By pod, of those that were kept: the file of its main container."""
    found: dict[str, ArtifactPath] = {}
    for path in map(ArtifactPath, kept):
        found.setdefault(path.name.rsplit(".", 2)[0], path)
    return found


def read_file(content: Content, pod: str) -> Iterator[Line]:
    """The lines of a file that :func:`keep` has written."""
    rest = b""
    for chunk in content:
        *whole, rest = (rest + chunk).split(b"\n")
        for each in whole:
            at, _, text = each.decode("utf-8", "replace").partition(" ")
            yield Line(at, pod, text)


def containers(pod: Manifest) -> list[str]:
    """Those that have begun, the main one first."""
    status = pod.get("status") or {}
    begun = [
        str(each["name"])
        for group in ("containerStatuses", "initContainerStatuses")
        for each in status.get(group) or ()
        if "waiting" not in (each.get("state") or {}) or each.get("restartCount")
    ]
    return begun or [str(each["name"]) for each in (pod.get("spec") or {}).get("containers") or ()]


def _index(pod: Manifest) -> int:
    """Of an Indexed Job's pod; others come by name."""
    said: Any = (pod["metadata"].get("annotations") or {}).get(
        "batch.kubernetes.io/job-completion-index", "0"
    )
    return int(said) if str(said).isdigit() else 0
