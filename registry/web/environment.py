"""Where a run comes from and what it ran in: commit, command, packages, as far as it was logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, urlsplit

from podium.client.entities import RunSnapshot
from podium.client.errors import NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.overview import Folder

from ..inspection.mlmodel import ENVIRONMENTS, Unreadable, parse_environment

_MAX_BYTES = 64 * 1024
_AT_ONCE = 16
# The tags that MLflow's clients and ours set, in the order of interest.
_TOLD = {
    "mlflow.source.name": "Command",
    "mlflow.project.entryPoint": "Entry point",
    "mlflow.source.type": "Kind",
    "mlflow.source.git.repoURL": "Repository",
    "mlflow.source.git.branch": "Branch",
    "mlflow.source.git.commit": "Commit",
    "mlflow.docker.image.uri": "Image",
    "mlflow.docker.image.id": "Image id",
    "mlflow.user": "User",
}
_ELSEWHERE = ("mlflow.runName", "mlflow.note.content", "mlflow.parentRunId")


@dataclass(frozen=True, slots=True)
class Source:
    """``told`` by label; ``commit_link`` leads to the commit where the repository is on the web.

    ``others`` are the tags that no page shows elsewhere.
    """

    told: Mapping[str, str]
    commit_link: str
    packages: Packages
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Packages:
    """What is said of each one's version, in ``file`` of the run or of its logged model."""

    said: Mapping[str, str]
    file: str = ""
    model_id: str = ""


def source(store: ArtifactStore, run: RunSnapshot, folders: Sequence[Folder]) -> Source:
    told = {label: run.tags[tag] for tag, label in _TOLD.items() if run.tags.get(tag)}
    if run.user_id:
        told.setdefault("User", run.user_id)
    return Source(
        told,
        _commit_link(told.get("Repository", ""), told.get("Commit", "")),
        _packages(store, folders),
        {
            key: value
            for key, value in run.tags.items()
            if key.startswith(("mlflow.", "podium.")) and key not in _TOLD and key not in _ELSEWHERE
        },
    )


def packages_of(
    store: ArtifactStore, folders: Mapping[str, Sequence[Folder]]
) -> dict[str, Mapping[str, str]]:
    """Those of many runs, by their ids: a store far away is asked for several at a time."""
    with ThreadPoolExecutor(_AT_ONCE, "packages") as pool:
        found = pool.map(partial(_packages, store), folders.values())
        return {run_id: each.said for run_id, each in zip(folders, found, strict=True)}


def _packages(store: ArtifactStore, folders: Sequence[Folder]) -> Packages:
    """What the first folder says that names packages: the run's own, else that of its model.

    MLflow's clients up to 2 put a model into a folder of the run, later ones beside it.
    """
    [own, *models] = folders
    for root, below in ((own, ""), (own, "model/"), *((each, "") for each in models)):
        paths = {name: root.path / ArtifactPath(below + name) for name in ENVIRONMENTS}
        files = {name: _small(store, path) for name, path in paths.items()}
        there = {name: text for name, text in files.items() if text is not None}
        try:
            found = parse_environment(there)
        except Unreadable:
            continue
        if found:
            return Packages(found, below + next(iter(there)), root.model_id)
    return Packages({})


def _small(store: ArtifactStore, path: ArtifactPath) -> bytes | None:
    try:
        size = store.stat(path).file_size or 0
        if not 0 < size <= _MAX_BYTES:
            return None
        with store.open(path) as content:
            return content.read()
    except NotFound:
        return None


def _commit_link(repository: str, commit: str) -> str:
    """Of a repository on GitHub, GitLab and those that are like them; else nothing."""
    address = repository.removesuffix(".git")
    if address.startswith("git@"):
        host, _, path = address.removeprefix("git@").partition(":")
        address = f"https://{host}/{path}"
    parts = urlsplit(address)
    if parts.scheme != "https" or not parts.hostname or parts.username or not commit.isalnum():
        return ""
    return f"https://{parts.netloc}{quote(parts.path.rstrip('/'))}/commit/{commit}"
