"""Another MLflow, read by its own package: a server, a database or an ``mlruns`` folder.

The only module that imports mlflow. That package reads each of its formats, also those of its older
versions; here its three kinds of source become one, and nothing is written to any of them.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from podium.client.errors import BadRequest, Unavailable
from podium.tracker.metrics import Columns

from . import translate
from .address import is_local, local_path, readable, shown_source, upgraded
from .old import OldExperiment, OldFile, OldLoggedModel, OldModel, OldRun, OldVersion

# Read by mlflow when it is imported, or later; what the user has set stays.
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_PAGE = 1000
_PROMPT = "mlflow.prompt.is_prompt"
_PROMPTS = f"tags.`{_PROMPT}` = 'true'"
_OUTDATED = "out-of-date database schema"
_PROXIED = "mlflow-artifacts:"


@contextmanager
def opened(source: str, artifacts: str | None = None) -> Iterator[Source]:
    """The MLflow at ``source``; ``artifacts`` is where a server's proxied files really are."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    before = mlflow.get_tracking_uri()
    with tempfile.TemporaryDirectory(prefix="podium-import-") as folder:
        uri, root = readable(source, Path(folder))
        mlflow.set_tracking_uri(uri)  # artifacts of a server are found by it
        try:
            with _explained(source), _at_once():
                client = _connected(uri, source, Path(folder))
            yield Source(client, shown_source(source), root, artifacts, Path(folder) / "files")
        finally:
            mlflow.set_tracking_uri(before)


class Source:
    def __init__(
        self, client: Any, name: str, root: Path | None, artifacts: str | None, folder: Path
    ) -> None:
        self.name = name
        self._client = client
        self._is_server = name.startswith(("http:", "https:"))
        self._root = root
        self._artifacts = artifacts
        self._folder = folder
        self._repositories: dict[str, Any] = {}

    def experiments(self) -> Iterator[OldExperiment]:
        from mlflow.entities import ViewType

        pages = self._pages(
            self._client.search_experiments,
            view_type=ViewType.ALL,
            order_by=["creation_time ASC", "experiment_id ASC"],
        )
        yield from map(translate.experiment, pages)

    def runs(self, experiment: OldExperiment) -> Iterator[OldRun]:
        """Deleted ones too, by their start."""
        from mlflow.entities import ViewType

        pages = self._pages(
            self._client.search_runs,
            experiment_ids=[experiment.id],
            run_view_type=ViewType.ALL,
            order_by=["attributes.start_time ASC"],
        )
        yield from map(translate.run, pages)

    def run(self, run_id: str) -> OldRun | None:
        """The run of that id; None when it is gone, as that of an old model version may be."""
        from mlflow.exceptions import MlflowException

        try:
            return translate.run(self._client.get_run(run_id))
        except MlflowException:
            return None

    def history(self, run_id: str, key: str) -> Columns:
        """All points of a metric, by timestamp and step and then as MLflow gives them."""
        with _explained(self.name):
            points = self._client.get_metric_history(run_id, key)
        columns = Columns(
            np.array([each.step for each in points], np.int64),
            np.array([each.timestamp for each in points], np.int64),
            np.array([each.value for each in points], np.float64),
        )
        return columns.take(np.lexsort((columns.steps, columns.timestamps)))

    def logged_models(self, experiment: OldExperiment) -> Iterator[OldLoggedModel]:
        """Those that are not deleted: of others MLflow does not tell."""
        pages = self._pages(self._client.search_logged_models, experiment_ids=[experiment.id])
        yield from map(translate.logged_model, pages)

    def models(self) -> Iterator[OldModel]:
        """Prompts too, which are models of a kind."""
        # What makes it a prompt is a tag that mlflow does not show.
        for filter_string, hidden in ((None, {}), (_PROMPTS, {_PROMPT: "true"})):
            pages = self._pages(
                self._client.search_registered_models,
                filter_string=filter_string,
                order_by=["name ASC"],
            )
            for each in pages:
                yield translate.model(each, hidden)

    def versions(self, model: OldModel) -> list[OldVersion]:
        """In the order of their numbers, each with its own tags and stage."""
        wanted = "name='{}'".format(model.name.replace("'", "''"))
        if model.tags.get(_PROMPT) == "true":
            wanted += f" AND {_PROMPTS}"  # which no search finds that does not ask for them
        found = self._pages(self._client.search_model_versions, filter_string=wanted)
        return sorted((self._version(each) for each in found), key=lambda each: each.version)

    def files(self, uri: str) -> Iterator[OldFile]:
        """All files below an artifact URI."""
        root = self._place(uri)
        folders = [""]
        while folders:
            with _explained(self.name):
                listed = self._repository(root).list_artifacts(folders.pop() or None)
            for each in listed:
                if each.is_dir:
                    folders.append(each.path)
                else:
                    yield OldFile(root, each.path)

    def only_its_server_knows(self, uri: str) -> bool:
        """Whether this is the address of a file at a server, and the server is not the source."""
        return self._place(uri).startswith(_PROXIED) and not self._is_server

    def is_elsewhere(self, uri: str) -> bool:
        """Whether the folder is none of this machine's: of a run without files, or of another."""
        place = self._place(uri)
        return is_local(place) and not local_path(place).exists()

    @contextmanager
    def fetch(self, file: OldFile) -> Iterator[Path]:
        """The file, here; a copy that is removed afterwards where it comes from elsewhere."""
        self._folder.mkdir(exist_ok=True)
        local = is_local(file.root)
        with _explained(self.name):
            repository = self._repository(file.root)
            target = None if local else str(self._folder)
            path = Path(repository.download_artifacts(file.path, dst_path=target))
        try:
            yield path
        finally:
            if not local:
                path.unlink(missing_ok=True)

    def _version(self, found: Any) -> OldVersion:
        location = ""
        if found.tags.get(_PROMPT) != "true":  # which has no files
            with _explained(self.name):
                location = self._client.get_model_version_download_uri(found.name, found.version)
        return translate.version(found, location)

    def _pages(self, search: Any, **asked: Any) -> Iterator[Any]:
        token = None
        while True:
            with _explained(self.name):
                page = search(**asked, max_results=_PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _repository(self, root: str) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if root not in self._repositories:
            self._repositories = {root: get_artifact_repository(root)}  # the last is enough
        return self._repositories[root]

    def _place(self, uri: str) -> str:
        """Where the files of this URI are now."""
        if uri.startswith(_PROXIED) and self._artifacts:
            return f"{self._artifacts.rstrip('/')}/{urlsplit(uri).path.lstrip('/')}"
        if self._root is not None and is_local(uri) and not local_path(uri).exists():
            # The folder has been moved, or a deleted experiment within it.
            parts = local_path(uri).parts
            for start in range(1, len(parts) - 2):
                for root in (self._root, self._root / ".trash"):
                    if (moved := root.joinpath(*parts[start:])).exists():
                        return str(moved)
        return uri


def _connected(uri: str, source: str, folder: Path) -> Any:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    for attempt in range(2):
        client = MlflowClient(uri, uri)
        try:
            client.search_experiments(max_results=1)
            break
        except MlflowException as error:
            if attempt or _OUTDATED not in error.message or not upgraded(source, folder):
                raise
    return client


@contextmanager
def _at_once() -> Iterator[None]:
    """Not for minutes, as mlflow tries: who mistypes an address wants to know now."""
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    before = os.environ.get(name)
    os.environ[name] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _explained(source: str) -> Iterator[None]:
    """An error of mlflow's as one sentence."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        text = " ".join(error.message.split())
        if _OUTDATED in text:
            raise BadRequest(
                f"{shown_source(source)} was written by another version of mlflow. Make a backup, "
                "then type: mlflow db upgrade URL (or install the mlflow that wrote it)."
            ) from None
        raise Unavailable(f"{shown_source(source)} cannot be read: {text[:500]}") from None
