"""What can happen, and what is told of it.

Each kind of event has one function here, whose arguments are its payload; docs/webhooks.md lists
them, and a test compares the two. Names are those of Databricks' registry webhooks where there is
one.

A payload may gain fields. When a field changes its meaning or goes, ``VERSION`` is counted up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

VERSION = 1


class EventType(StrEnum):
    REGISTERED_MODEL_CREATED = "REGISTERED_MODEL_CREATED"
    REGISTERED_MODEL_RENAMED = "REGISTERED_MODEL_RENAMED"
    REGISTERED_MODEL_DELETED = "REGISTERED_MODEL_DELETED"
    REGISTERED_MODEL_TAG_SET = "REGISTERED_MODEL_TAG_SET"
    REGISTERED_MODEL_TAG_DELETED = "REGISTERED_MODEL_TAG_DELETED"
    MODEL_VERSION_CREATED = "MODEL_VERSION_CREATED"
    MODEL_VERSION_DELETED = "MODEL_VERSION_DELETED"
    MODEL_VERSION_TAG_SET = "MODEL_VERSION_TAG_SET"
    MODEL_VERSION_TAG_DELETED = "MODEL_VERSION_TAG_DELETED"
    MODEL_VERSION_ALIAS_SET = "MODEL_VERSION_ALIAS_SET"
    MODEL_VERSION_ALIAS_DELETED = "MODEL_VERSION_ALIAS_DELETED"
    MODEL_VERSION_TRANSITIONED_STAGE = "MODEL_VERSION_TRANSITIONED_STAGE"
    MODEL_VERSION_ROLLED_BACK = "MODEL_VERSION_ROLLED_BACK"
    TRANSITION_REQUEST_CREATED = "TRANSITION_REQUEST_CREATED"
    TRANSITION_REQUEST_APPROVED = "TRANSITION_REQUEST_APPROVED"
    TRANSITION_REQUEST_REJECTED = "TRANSITION_REQUEST_REJECTED"
    TRANSITION_REQUEST_WITHDRAWN = "TRANSITION_REQUEST_WITHDRAWN"
    TRANSITION_REQUEST_EXPIRED = "TRANSITION_REQUEST_EXPIRED"
    COMMENT_CREATED = "COMMENT_CREATED"
    LAUNCH_STATE_CHANGED = "LAUNCH_STATE_CHANGED"
    RUN_STATE_CHANGED = "RUN_STATE_CHANGED"
    WEBHOOK_DISABLED = "WEBHOOK_DISABLED"
    PING = "PING"


@dataclass(frozen=True, slots=True)
class Event:
    """``key`` is what it happened to, mostly a model's name: events of one key reach a webhook in
    the order they happened.
    """

    type: EventType
    key: str
    data: Mapping[str, Any]


def registered_model_created(
    *, name: str, description: str, tags: Mapping[str, str], prompt: bool = False
) -> Event:
    """``prompt``, here and below: the model is one of MLflow's prompts."""
    data = {"name": name, "description": description, "tags": dict(tags), "prompt": prompt}
    return Event(EventType.REGISTERED_MODEL_CREATED, name, data)


def registered_model_renamed(*, name: str, new_name: str) -> Event:
    """The last event under the old name; later ones may overtake it."""
    return Event(EventType.REGISTERED_MODEL_RENAMED, name, {"name": name, "new_name": new_name})


def registered_model_deleted(*, name: str) -> Event:
    return Event(EventType.REGISTERED_MODEL_DELETED, name, {"name": name})


def registered_model_tag_set(*, name: str, key: str, value: str, prompt: bool = False) -> Event:
    data = {"name": name, "key": key, "value": value, "prompt": prompt}
    return Event(EventType.REGISTERED_MODEL_TAG_SET, name, data)


def registered_model_tag_deleted(*, name: str, key: str, prompt: bool = False) -> Event:
    data = {"name": name, "key": key, "prompt": prompt}
    return Event(EventType.REGISTERED_MODEL_TAG_DELETED, name, data)


def model_version_created(
    *,
    name: str,
    version: int,
    source: str,
    run_id: str | None,
    description: str,
    tags: Mapping[str, str],
    prompt: bool = False,
) -> Event:
    data = {
        "name": name,
        "version": str(version),
        "source": source,
        "run_id": run_id,
        "description": description,
        "tags": dict(tags),
        "prompt": prompt,
    }
    return Event(EventType.MODEL_VERSION_CREATED, name, data)


def model_version_deleted(*, name: str, version: int) -> Event:
    data = {"name": name, "version": str(version)}
    return Event(EventType.MODEL_VERSION_DELETED, name, data)


def model_version_tag_set(
    *, name: str, version: int, key: str, value: str, prompt: bool = False
) -> Event:
    data = {"name": name, "version": str(version), "key": key, "value": value, "prompt": prompt}
    return Event(EventType.MODEL_VERSION_TAG_SET, name, data)


def model_version_tag_deleted(*, name: str, version: int, key: str, prompt: bool = False) -> Event:
    data = {"name": name, "version": str(version), "key": key, "prompt": prompt}
    return Event(EventType.MODEL_VERSION_TAG_DELETED, name, data)


def model_version_alias_set(*, name: str, alias: str, version: int, prompt: bool = False) -> Event:
    data = {"name": name, "alias": alias, "version": str(version), "prompt": prompt}
    return Event(EventType.MODEL_VERSION_ALIAS_SET, name, data)


def model_version_alias_deleted(*, name: str, alias: str, prompt: bool = False) -> Event:
    data = {"name": name, "alias": alias, "prompt": prompt}
    return Event(EventType.MODEL_VERSION_ALIAS_DELETED, name, data)


def model_version_transitioned_stage(
    *, name: str, version: int, from_stage: str, to_stage: str, comment: str = ""
) -> Event:
    """Also of a version that left a stage because another took its place."""
    data = _transition(name, version, from_stage, to_stage, comment)
    return Event(EventType.MODEL_VERSION_TRANSITIONED_STAGE, name, data)


def model_version_rolled_back(
    *, name: str, version: int, from_version: int | None, to_stage: str, comment: str = ""
) -> Event:
    """``version`` has ``to_stage`` again, in place of ``from_version``."""
    data = {
        "name": name,
        "version": str(version),
        "from_version": None if from_version is None else str(from_version),
        "to_stage": to_stage,
        "comment": comment,
    }
    return Event(EventType.MODEL_VERSION_ROLLED_BACK, name, data)


def transition_request(
    type: EventType,  # noqa: A002  (the word for it)
    *,
    request_id: str,
    name: str,
    version: int,
    from_stage: str,
    to_stage: str,
    comment: str = "",
) -> Event:
    """``type`` is one of TRANSITION_REQUEST_…: created, approved, rejected, withdrawn, expired."""
    assert type.startswith("TRANSITION_REQUEST_"), type  # noqa: S101
    data = _transition(name, version, from_stage, to_stage, comment)
    return Event(type, name, {"request_id": request_id, **data})


def comment_created(*, name: str, version: int, comment_id: str, comment: str) -> Event:
    data = {
        "name": name,
        "version": str(version),
        "comment_id": comment_id,
        "comment": comment,
    }
    return Event(EventType.COMMENT_CREATED, name, data)


def launch_state_changed(
    *,
    launch_id: str,
    name: str,
    version: int | None,
    target: str,
    from_state: str,
    to_state: str,
    reason: str = "",
) -> Event:
    """``name`` is the model's; without a ``version`` it is what the launch is called."""
    data = {
        "launch_id": launch_id,
        "name": name,
        "version": None if version is None else str(version),
        "target": target,
        "from_state": from_state,
        "to_state": to_state,
        "reason": reason,
    }
    return Event(EventType.LAUNCH_STATE_CHANGED, name, data)


def run_state_changed(
    *, run_id: str, run_name: str, experiment_id: str, from_status: str, to_status: str
) -> Event:
    data = {
        "run_id": run_id,
        "run_name": run_name,
        "experiment_id": experiment_id,
        "from_status": from_status,
        "to_status": to_status,
    }
    return Event(EventType.RUN_STATE_CHANGED, f"run {run_id}", data)


def webhook_disabled(*, webhook_id: str, webhook_name: str, reason: str) -> Event:
    data = {"webhook_id": webhook_id, "webhook_name": webhook_name, "reason": reason}
    return Event(EventType.WEBHOOK_DISABLED, f"webhook {webhook_id}", data)


def ping(*, webhook_id: str, webhook_name: str) -> Event:
    """What a test sends: to one webhook, whatever it is subscribed to."""
    data = {"webhook_id": webhook_id, "webhook_name": webhook_name}
    return Event(EventType.PING, f"webhook {webhook_id}", data)


def _transition(
    name: str, version: int, from_stage: str, to_stage: str, comment: str
) -> dict[str, Any]:
    return {
        "name": name,
        "version": str(version),
        "from_stage": from_stage,
        "to_stage": to_stage,
        "comment": comment,
    }
