"""Registered models: these calls ask the server, wait for the answer, and raise when there is none.

Registering lets what this process has logged arrive first, since the model is among it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from . import active, answers, session
from .entities import ModelVersion, RegisteredModel
from .errors import AlreadyExists, BadRequest, NotFound
from .rules import MAX_REGISTRY_TAG_VALUE, check_key, check_model_name, check_run_id, check_text
from .run import Run
from .validation import as_int64, as_mapping, as_text

_MODELS = "/api/2.0/mlflow/registered-models"
_VERSIONS = "/api/2.0/mlflow/model-versions"
_PAGE = 1000


def register_model(
    name: str,
    source: str | None = None,
    *,
    run: Run | str | None = None,
    path: str = "model",
    description: str = "",
    tags: Mapping[str, object] | None = None,
) -> ModelVersion:
    """Register the next version of the model of this name, which is created if there is none.

    What is registered is the folder ``path`` of a run (default: the active one), or ``source``, as
    in ``"models:/m-0a1b…"``, ``"models:/digits/3"`` and ``"runs:/<run_id>/model"``.
    """
    check_model_name(name)
    body: dict[str, object] = {"name": name, "source": _source(source, run, path)}
    body["tags"] = _pairs(tags or {})
    body["description"] = check_text(description, "description")
    current = session.current()
    current.flush()
    server = current.server()
    with suppress(AlreadyExists):
        server.request("POST", f"{_MODELS}/create", json={"name": name})
    answer = server.request("POST", f"{_VERSIONS}/create", json=body).json()
    return answers.model_version(answer.get("model_version", {}))


def get_model(name: str) -> RegisteredModel:
    """The model with its aliases and the highest version of each stage."""
    answer = _get(f"{_MODELS}/get", name=check_model_name(name))
    return answers.registered_model(answer.get("registered_model", {}))


def get_model_version(
    name: str,
    version: int | str | None = None,
    *,
    stage: str | None = None,
    alias: str | None = None,
) -> ModelVersion:
    """The version of this number or alias, or the highest of a stage; without any, the highest."""
    check_model_name(name)
    if sum(each is not None for each in (version, stage, alias)) > 1:
        raise BadRequest("Give one of 'version', 'stage' and 'alias', or none for the highest.")
    if version is not None:
        answer = _get(f"{_VERSIONS}/get", name=name, version=_number(version))
    elif stage is not None:
        answer = _get(f"{_MODELS}/get-latest-versions", name=name, stages=[stage])
        return _only(answer, name, stage)
    else:
        answer = _get(f"{_MODELS}/alias", name=name, alias="latest" if alias is None else alias)
    return answers.model_version(answer.get("model_version", {}))


def load_model_uri(
    name: str,
    version: int | str | None = None,
    *,
    stage: str | None = None,
    alias: str | None = None,
) -> str:
    """Where the files of a version are, for whatever loads them; chosen as a version is got."""
    return get_model_version(name, version, stage=stage, alias=alias).storage_location


def search_models(
    filter: str = "",  # noqa: A002  (the word of the API)
    order_by: Sequence[str] = (),
    *,
    max_results: int | None = 1000,
) -> list[RegisteredModel]:
    """Models, as in ``"name LIKE 'vision-%' AND tags.team = 'x'"``; ``None`` fetches all."""
    found = _search(f"{_MODELS}/search", "registered_models", filter, order_by, max_results)
    return [answers.registered_model(each) for each in found]


def search_model_versions(
    filter: str = "",  # noqa: A002  (the word of the API)
    order_by: Sequence[str] = (),
    *,
    max_results: int | None = 1000,
) -> list[ModelVersion]:
    """Versions, as in ``"name = 'digits' AND stage = 'Production'"``; ``None`` fetches all."""
    found = _search(f"{_VERSIONS}/search", "model_versions", filter, order_by, max_results)
    return [answers.model_version(each) for each in found]


def set_alias(name: str, alias: str, version: int | str) -> None:
    """Let the alias name this version; one that another version has moves to it."""
    body = {"name": check_model_name(name), "alias": alias, "version": _number(version)}
    session.current().server().request("POST", f"{_MODELS}/alias", json=body)


def delete_alias(name: str, alias: str) -> None:
    """An alias that is not there is as good as deleted."""
    body = {"name": check_model_name(name), "alias": alias}
    session.current().server().request("DELETE", f"{_MODELS}/alias", json=body)


def set_version_tag(name: str, version: int | str, key: str, value: object) -> None:
    [pair] = _pairs({key: value})
    body = {"name": check_model_name(name), "version": _number(version), **pair}
    session.current().server().request("POST", f"{_VERSIONS}/set-tag", json=body)


def transition(
    name: str, version: int | str, stage: str, *, archive_existing: bool = False
) -> ModelVersion:
    """Move a version to a stage; with ``archive_existing`` whoever holds it goes to the archive."""
    body = {
        "name": check_model_name(name),
        "version": _number(version),
        "stage": stage,
        "archive_existing_versions": archive_existing,
    }
    server = session.current().server()
    answer = server.request("POST", f"{_VERSIONS}/transition-stage", json=body).json()
    return answers.model_version(answer.get("model_version", {}))


def _source(source: str | None, run: Run | str | None, path: str) -> str:
    if source is not None:
        if run is not None:
            raise BadRequest("Give 'source' or 'run', not both: a source says it all.")
        return check_text(source, "source")
    run = run if run is not None else active.current()
    if run is None:
        raise BadRequest(
            "'source': no run is active whose model could be registered. Name one, as in "
            "run=run_id, or say source='models:/…'."
        )
    run_id = run.run_id if isinstance(run, Run) else check_run_id(run, "run")
    return f"runs:/{run_id}/{check_text(path, 'path')}"


def _number(version: int | str) -> str:
    number = int(version) if isinstance(version, str) and version.isdecimal() else version
    return str(as_int64(number, "version"))


def _pairs(tags: Mapping[str, object]) -> list[dict[str, str]]:
    return [
        {
            "key": check_key(key, "tags", kind="tag"),
            "value": check_text(
                as_text(value, f"tags[{key!r}]"), f"tags[{key!r}]", limit=MAX_REGISTRY_TAG_VALUE
            ),
        }
        for key, value in as_mapping(tags, "tags").items()
    ]


def _get(path: str, **query: Any) -> dict[str, Any]:
    return session.current().server().request("GET", path, query=query).json()


def _only(answer: dict[str, Any], name: str, stage: str) -> ModelVersion:
    found = answer.get("model_versions", [])
    if not found:
        raise NotFound(f"Model '{name}' has no version in stage '{stage}'.")
    return answers.model_version(found[0])


def _search(
    path: str, items: str, text: str, order_by: Sequence[str], max_results: int | None
) -> list[dict[str, Any]]:
    if max_results is not None and max_results < 1:
        raise BadRequest(f"'max_results' is {max_results}: it must be 1 or more, or None for all.")
    if isinstance(order_by, str):
        raise BadRequest(f"'order_by' must be a list of texts, as in [{order_by!r}].")
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"filter": text, "order_by": list(order_by)}
    while max_results is None or len(found) < max_results:
        size = _PAGE if max_results is None else min(_PAGE, max_results - len(found))
        answer = _get(path, **query, max_results=size)
        found += answer.get(items, [])
        if not answer.get("next_page_token"):
            break
        query["page_token"] = answer["next_page_token"]
    return found
