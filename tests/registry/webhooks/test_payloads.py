"""Who hears of what, and in which words."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from podium.registry import events
from podium.registry.events import Event, EventType
from podium.registry.outbox import OutboxEvent
from podium.registry.webhooks.matching import wants
from podium.registry.webhooks.payloads import Payload, Told, message
from podium.registry.webhooks.slack import slack_text
from podium.registry.webhooks.tables import Webhook

DOCUMENT = Path(__file__).parents[3] / "docs" / "webhooks.md"

TRANSITION = events.model_version_transitioned_stage(
    name="fraud-eu", version=3, from_stage="Staging", to_stage="Production"
)
CREATED = events.model_version_created(
    name="fraud-eu", version=3, source="runs:/x/m", run_id=None, description="", tags={}
)
RUN = events.run_state_changed(
    run_id="1", run_name="r", experiment_id="0", from_status="RUNNING", to_status="FAILED"
)


def every_event() -> Iterator[Event]:
    """One of each type, made by its own function with values of the types it asks for."""
    values: Mapping[str, Any] = {
        "str": "text",
        "int": 7,
        "bool": False,
        "str | None": None,
        "int | None": 6,
        "Mapping[str, str]": {"a": "b"},
    }
    for name, function in inspect.getmembers(events, inspect.isfunction):
        if name.startswith("_") or function.__module__ != events.__name__:
            continue
        parameters = inspect.signature(function).parameters
        given = {key: values[each.annotation] for key, each in parameters.items() if key != "type"}
        if "type" in parameters:
            for type_ in EventType:
                if type_.startswith("TRANSITION_REQUEST_"):
                    yield function(type_, **given)
        else:
            yield function(**given)


def test_there_is_a_way_to_tell_of_each() -> None:
    assert sorted(each.type for each in every_event()) == sorted(EventType)


def test_the_document_lists_each_with_its_fields() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", DOCUMENT.read_text(), re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", fields)) for name, fields in rows}
    assert documented == {each.type.value: set(each.data) for each in every_event()}


def wanted(event: Event, **wishes: Any) -> bool:
    hook = Webhook(
        webhook_id="w", events="[]", model="*", from_stages="[]", to_stages="[]", created=1
    )
    for name, value in wishes.items():
        setattr(hook, name, value if isinstance(value, str) else json.dumps(value))
    happened = OutboxEvent(
        type=event.type, key=event.key, data=json.dumps(dict(event.data)), created=1
    )
    return wants(hook, happened)


@pytest.mark.parametrize(
    ("event", "wishes", "answer"),
    [
        (TRANSITION, {}, True),
        (TRANSITION, {"events": ["MODEL_VERSION_TRANSITIONED_STAGE"]}, True),
        (TRANSITION, {"events": ["MODEL_VERSION_CREATED"]}, False),
        (TRANSITION, {"model": "fraud-*"}, True),
        (TRANSITION, {"model": "fraud"}, False),
        (TRANSITION, {"model": "FRAUD-*"}, False),
        (TRANSITION, {"model": "fraud-[ae]?"}, True),
        (TRANSITION, {"to_stages": ["Production", "Archived"]}, True),
        (TRANSITION, {"to_stages": ["Staging"]}, False),
        (TRANSITION, {"from_stages": ["Staging"], "to_stages": ["Production"]}, True),
        (TRANSITION, {"from_stages": ["None"], "to_stages": ["Production"]}, False),
        (CREATED, {"to_stages": ["Production"]}, True),
        (CREATED, {"events": ["model_version.created"]}, True),
        (CREATED, {"events": ["prompt_version.created"]}, False),
        (RUN, {"model": "*"}, True),
        (RUN, {"model": "fraud-*"}, False),
        (events.webhook_disabled(webhook_id="x", webhook_name="x", reason=""), {}, True),
        (events.webhook_disabled(webhook_id="w", webhook_name="w", reason=""), {}, False),
    ],
)
def test_a_webhook_hears_of_what_it_asked_for(
    event: Event, wishes: dict[str, Any], answer: bool
) -> None:
    assert wanted(event, **wishes) is answer


def told(event: Event) -> Told:
    return Told("0" * 36, event.type, 1_764_000_000_500, "ada", event.data)


def test_an_event_in_our_words() -> None:
    sent = message("https://a.example", Payload.PODIUM, told(TRANSITION), [], now=5_000, number=2)
    assert json.loads(sent.body) == {
        "id": "0" * 36,
        "type": "MODEL_VERSION_TRANSITIONED_STAGE",
        "version": 1,
        "timestamp": "2025-11-24T16:00:00.500000+00:00",
        "actor": "ada",
        "data": {
            "name": "fraud-eu",
            "version": "3",
            "from_stage": "Staging",
            "to_stage": "Production",
            "comment": "",
        },
    }
    assert sent.headers["webhook-timestamp"] == "5"
    assert sent.headers["X-Podium-Attempt"] == "2"
    assert "X-Podium-Replay" not in sent.headers


@pytest.mark.parametrize("event", [*every_event()], ids=lambda event: event.type)
def test_every_event_has_a_sentence(event: Event) -> None:
    assert len(slack_text(event.type, event.data, "ada")) > 15


def test_a_sentence_cannot_be_led_astray() -> None:
    event = events.comment_created(
        name="<!channel>", version=1, comment_id="1", comment="<https://evil|x> & {actor}"
    )
    text = slack_text(event.type, event.data, "a{0}")
    assert "<" not in text
    assert text.endswith("&lt;https://evil|x&gt; &amp; {actor}")


def test_a_prompt_is_told_of_as_mlflow_does() -> None:
    tags = {
        "mlflow.prompt.is_prompt": "true",
        "mlflow.prompt.text": "Hello {{name}}!",
        "_mlflow_prompt_type": "text",
        "mine": "1",
    }
    event = events.model_version_created(
        name="p", version=1, source="x", run_id=None, description="", tags=tags, prompt=True
    )
    sent = message("https://a.example", Payload.MLFLOW, told(event), [], now=0, number=1)
    assert json.loads(sent.body) == {
        "entity": "prompt_version",
        "action": "created",
        "timestamp": "2025-11-24T16:00:00.500000+00:00",
        "data": {
            "name": "p",
            "version": "1",
            "template": "Hello {{name}}!",
            "tags": {"mine": "1"},
            "description": None,
        },
    }
