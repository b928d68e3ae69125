"""An event as a sentence, for a channel of Slack or what takes the same (``{"text": …}``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..events import EventType

_SENTENCES: Mapping[EventType, str] = {
    EventType.REGISTERED_MODEL_CREATED: "{actor} registered the model *{name}*",
    EventType.REGISTERED_MODEL_RENAMED: "{actor} renamed the model *{name}* to *{new_name}*",
    EventType.REGISTERED_MODEL_DELETED: "{actor} deleted the model *{name}*",
    EventType.REGISTERED_MODEL_TAG_SET: "{actor} set the tag {key} = {value} on *{name}*",
    EventType.REGISTERED_MODEL_TAG_DELETED: "{actor} removed the tag {key} from *{name}*",
    EventType.MODEL_VERSION_CREATED: "{actor} registered *{name}* version {version}",
    EventType.MODEL_VERSION_DELETED: "{actor} deleted *{name}* version {version}",
    EventType.MODEL_VERSION_TAG_SET: "{actor} set {key} = {value} on *{name}* version {version}",
    EventType.MODEL_VERSION_TAG_DELETED: "{actor} removed {key} from *{name}* version {version}",
    EventType.MODEL_VERSION_ALIAS_SET: "*{name}*: {alias} is now version {version} (by {actor})",
    EventType.MODEL_VERSION_ALIAS_DELETED: "{actor} removed the alias {alias} of *{name}*",
    EventType.MODEL_VERSION_TRANSITIONED_STAGE: (
        "*{name}* version {version} went from {from_stage} to *{to_stage}* (by {actor}) {comment}"
    ),
    EventType.MODEL_VERSION_ROLLED_BACK: (
        "*{name}* was rolled back to version {version} in *{to_stage}* (by {actor}) {comment}"
    ),
    EventType.TRANSITION_REQUEST_CREATED: (
        "{actor} asks to move *{name}* version {version} to *{to_stage}* {comment}"
    ),
    EventType.TRANSITION_REQUEST_APPROVED: (
        "{actor} approved *{name}* version {version} for *{to_stage}* {comment}"
    ),
    EventType.TRANSITION_REQUEST_REJECTED: (
        "{actor} rejected *{name}* version {version} for *{to_stage}* {comment}"
    ),
    EventType.TRANSITION_REQUEST_WITHDRAWN: (
        "{actor} withdrew the request for *{name}* version {version} in *{to_stage}* {comment}"
    ),
    EventType.TRANSITION_REQUEST_EXPIRED: (
        "The request for *{name}* version {version} in *{to_stage}* has expired"
    ),
    EventType.COMMENT_CREATED: "{actor} on *{name}* version {version}: {comment}",
    EventType.LAUNCH_STATE_CHANGED: (
        "Launch of *{name}* version {version} on {target}: {from_state} to *{to_state}* {reason}"
    ),
    EventType.RUN_STATE_CHANGED: "Run {run_name} is *{to_status}*",
    EventType.WEBHOOK_DISABLED: "The webhook *{webhook_name}* was switched off: {reason}",
    EventType.PING: "This is a test of the webhook *{webhook_name}*, sent by {actor}",
}


def slack_text(type_: EventType, data: Mapping[str, Any], actor: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text: three characters are escaped."""
    values = {"actor": actor, **data}
    escaped = {name: _escaped(str(value)) for name, value in values.items()}
    return _SENTENCES[type_].format(**escaped).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
