"""MLflow's names for events, ``entity.action``, and the bodies its receivers expect.

MLflow tells of prompts, which are models with a tag, under names of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..events import EventType

Data = Mapping[str, Any]

# All that MLflow's API lets one subscribe to; nothing here spends a budget, but that is no reason
# to refuse a webhook for it.
EVENTS: Mapping[str, tuple[str, ...]] = {
    "registered_model": ("created",),
    "model_version": ("created",),
    "model_version_tag": ("set", "deleted"),
    "model_version_alias": ("created", "deleted"),
    "prompt": ("created",),
    "prompt_version": ("created",),
    "prompt_tag": ("set", "deleted"),
    "prompt_version_tag": ("set", "deleted"),
    "prompt_alias": ("created", "deleted"),
    "budget_policy": ("exceeded",),
}
NAMES = tuple(f"{entity}.{action}" for entity, actions in EVENTS.items() for action in actions)

_OF_MODELS: Mapping[EventType, str] = {
    EventType.REGISTERED_MODEL_CREATED: "registered_model.created",
    EventType.MODEL_VERSION_CREATED: "model_version.created",
    EventType.MODEL_VERSION_TAG_SET: "model_version_tag.set",
    EventType.MODEL_VERSION_TAG_DELETED: "model_version_tag.deleted",
    EventType.MODEL_VERSION_ALIAS_SET: "model_version_alias.created",
    EventType.MODEL_VERSION_ALIAS_DELETED: "model_version_alias.deleted",
}
_OF_PROMPTS: Mapping[EventType, str] = {
    EventType.REGISTERED_MODEL_CREATED: "prompt.created",
    EventType.REGISTERED_MODEL_TAG_SET: "prompt_tag.set",
    EventType.REGISTERED_MODEL_TAG_DELETED: "prompt_tag.deleted",
    EventType.MODEL_VERSION_CREATED: "prompt_version.created",
    EventType.MODEL_VERSION_TAG_SET: "prompt_version_tag.set",
    EventType.MODEL_VERSION_TAG_DELETED: "prompt_version_tag.deleted",
    EventType.MODEL_VERSION_ALIAS_SET: "prompt_alias.created",
    EventType.MODEL_VERSION_ALIAS_DELETED: "prompt_alias.deleted",
}
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "registered_model.created": ("name", "tags", "description"),
    "model_version.created": ("name", "version", "source", "run_id", "tags", "description"),
    "model_version_tag.set": ("name", "version", "key", "value"),
    "model_version_tag.deleted": ("name", "version", "key"),
    "model_version_alias.created": ("name", "alias", "version"),
    "model_version_alias.deleted": ("name", "alias"),
    "prompt.created": ("name", "tags", "description"),
    "prompt_version.created": ("name", "version", "template", "tags", "description"),
    "prompt_tag.set": ("name", "key", "value"),
    "prompt_tag.deleted": ("name", "key"),
    "prompt_version_tag.set": ("name", "version", "key", "value"),
    "prompt_version_tag.deleted": ("name", "version", "key"),
    "prompt_alias.created": ("name", "alias", "version"),
    "prompt_alias.deleted": ("name", "alias"),
    "budget_policy.exceeded": ("budget_policy_id", "budget_amount", "current_spend"),
}
# Tags by which MLflow keeps what it knows of a prompt, and does not show as tags.
_TEMPLATE = "mlflow.prompt.text"
_HIDDEN = frozenset(("mlflow.prompt.is_prompt", "_mlflow_prompt_type", _TEMPLATE))

_EXAMPLE: Mapping[str, Any] = {
    "name": "example_model",
    "version": "1",
    "source": "models:/123",
    "run_id": "abcd1234abcd5678",
    "description": "An example",
    "template": "Hello {{name}}!",
    "tags": {"example_key": "example_value"},
    "key": "example_key",
    "value": "example_value",
    "alias": "example_alias",
    "budget_policy_id": "example_policy",
    "budget_amount": 100.0,
    "current_spend": 105.5,
}


def mlflow_name(type_: EventType, data: Data) -> str | None:
    """What MLflow calls the event; None when it has no such one."""
    return (_OF_PROMPTS if data.get("prompt") else _OF_MODELS).get(type_)


def body(name: str, data: Data, created: int) -> dict[str, Any]:
    """As MLflow sends it; ``created`` is in ms."""
    entity, _, action = name.partition(".")
    if data.get("prompt"):
        tags: Mapping[str, str] = data.get("tags", {})
        shown = {key: value for key, value in tags.items() if key not in _HIDDEN}
        data = {**data, "tags": shown, "template": tags.get(_TEMPLATE, "")}
    if entity.endswith("version"):
        data = {**data, "description": data.get("description") or None}
    return {
        "entity": entity,
        "action": action,
        "timestamp": datetime.fromtimestamp(created / 1000, UTC).isoformat(),
        "data": {field: data.get(field) for field in _FIELDS[name]},
    }


def example(name: str, created: int) -> dict[str, Any]:
    """What a test sends."""
    return body(name, _EXAMPLE, created)
