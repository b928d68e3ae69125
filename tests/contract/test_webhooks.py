"""MLflow's webhooks: its own client, and receivers that were written for MLflow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from mlflow.entities.webhook import WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.webhooks.types import get_example_payload_for_event
from podium.registry.webhooks import mlflow_events

from ..services.receiver import Received, Receiver, answer, receiver

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECRET = "any text at all"
_numbers = itertools.count()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def model(client: MlflowClient) -> str:
    name = f"webhooks-{next(_numbers)}"
    client.create_registered_model(name)
    return name


def is_genuine(received: Received) -> bool:
    """As MLflow's documentation has receivers do it."""
    headers = received.headers
    content = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}."
    digest = hmac.new(SECRET.encode(), content.encode() + received.body, hashlib.sha256).digest()
    return headers["x-mlflow-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_its_life(client: MlflowClient) -> None:
    made = client.create_webhook(
        "life", "https://a.example/x", ["model_version.created"], description="d", secret=SECRET
    )
    found = client.get_webhook(made.webhook_id)
    assert (found.name, found.url, found.description) == ("life", "https://a.example/x", "d")
    assert found.events == [WebhookEvent.from_str("model_version.created")]
    assert (found.status, found.secret) == (WebhookStatus.ACTIVE, None)
    changed = client.update_webhook(
        made.webhook_id,
        name="other",
        events=["model_version_tag.set", "prompt.created"],
        status="DISABLED",
    )
    assert (changed.name, changed.status) == ("other", WebhookStatus.DISABLED)
    assert changed.url == "https://a.example/x"
    assert [str(event) for event in changed.events] == ["model_version_tag.set", "prompt.created"]
    newer = client.create_webhook("newer", "https://b.example", ["budget_policy.exceeded"])
    page = client.list_webhooks(max_results=1)
    assert [each.webhook_id for each in page] == [newer.webhook_id]
    page = client.list_webhooks(max_results=1, page_token=page.token)
    assert [each.webhook_id for each in page] == [made.webhook_id]
    client.delete_webhook(made.webhook_id)
    client.delete_webhook(newer.webhook_id)
    with pytest.raises(MlflowException, match="not found") as caught:
        client.get_webhook(made.webhook_id)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("name", "url"),
    [("-", "https://a.example"), ("a" * 64, "https://a.example"), ("a", "ftp://a.example")],
)
def test_what_is_refused(client: MlflowClient, name: str, url: str) -> None:
    with pytest.raises(MlflowException, match="ebhook") as caught:
        client.create_webhook(name, url, ["model_version.created"])
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_receiver_made_for_mlflow(
    client: MlflowClient, model: str, run_id: str, there: Receiver
) -> None:
    names = [
        name for name in mlflow_events.NAMES if name.startswith(("registered_model", "model_"))
    ]
    made = client.create_webhook("receiver", there.url, names, secret=SECRET)  # type: ignore[arg-type]
    second = f"{model}-second"
    client.create_registered_model(second, tags={"a": "b"}, description="d")
    source = client.get_run(run_id).info.artifact_uri
    version = client.create_model_version(model, source, run_id, tags={"c": "d"})
    client.set_model_version_tag(model, version.version, "k", "v")
    client.delete_model_version_tag(model, version.version, "k")
    client.set_registered_model_alias(model, "champion", version.version)
    client.delete_registered_model_alias(model, "champion")
    received = there.wait(len(names), seconds=60)
    client.delete_webhook(made.webhook_id)
    assert all(is_genuine(each) for each in received)
    bodies = [each.json for each in received]
    assert sorted(f"{each['entity']}.{each['action']}" for each in bodies) == sorted(names)
    by_name = {f"{each['entity']}.{each['action']}": each["data"] for each in bodies}
    assert by_name["registered_model.created"] == {
        "name": second,
        "tags": {"a": "b"},
        "description": "d",
    }
    assert by_name["model_version.created"]["version"] == str(version.version)
    assert by_name["model_version_alias.created"] == {
        "name": model,
        "alias": "champion",
        "version": str(version.version),
    }


def test_trying_it_out(client: MlflowClient, there: Receiver) -> None:
    made = client.create_webhook("trial", there.url, ["model_version.created"], secret=SECRET)
    there.behaviours["/"] = answer(201, b"thanks")
    result = client.test_webhook(made.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 201, "thanks")
    there.behaviours["/"] = answer(500, b"no")
    result = client.test_webhook(made.webhook_id, "prompt_alias.deleted")
    assert (result.success, result.response_status) == (False, 500)
    client.update_webhook(made.webhook_id, url="https://192.168.0.1.nip.invalid")
    result = client.test_webhook(made.webhook_id)
    client.delete_webhook(made.webhook_id)
    assert not result.success
    assert "no address" in (result.error_message or "")
    first, second = there.received
    assert first.json["data"] == get_example_payload_for_event(
        WebhookEvent.from_str("model_version.created")
    ) | {"description": "An example"}
    assert second.json["data"] == {"name": "example_model", "alias": "example_alias"}
    assert is_genuine(first)


@pytest.mark.parametrize("name", mlflow_events.NAMES)
def test_what_mlflow_sends_is_what_we_send(name: str) -> None:
    """Field by field, beside the example that MLflow itself makes for the event."""
    event = WebhookEvent.from_str(name)  # type: ignore[arg-type]
    ours = mlflow_events.example(name, 1_764_000_000_500)
    assert (ours["entity"], ours["action"]) == (event.entity.value, event.action.value)
    theirs = set(get_example_payload_for_event(event))
    if name.startswith("budget_policy"):
        assert set(ours["data"]) <= theirs
    else:
        assert set(ours["data"]) == theirs
