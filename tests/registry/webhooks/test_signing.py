"""Signatures: receivers of Standard Webhooks verify them with its library, MLflow's in its way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest
from podium.client.errors import BadRequest
from podium.registry.outbox import new_id
from podium.registry.webhooks.signing import check_secret, headers, new_secret
from standardwebhooks import Webhook, WebhookVerificationError

BODY = '{"type":"PING","data":{"name":"ü"}}'.encode()


def signed(*secrets: str, timestamp: int | None = None) -> dict[str, str]:
    return headers(new_id(), timestamp or int(time.time()), BODY, secrets)


def test_the_library_verifies_what_we_sign() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, signed(secret)) == {"type": "PING", "data": {"name": "ü"}}


def test_the_vector_of_the_specification() -> None:
    """The example in its text: https://www.standardwebhooks.com."""
    found = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_rotated_both_are_good() -> None:
    new, old = new_secret(), new_secret()
    found = signed(new, old)
    for secret in (new, old):
        Webhook(secret).verify(BODY, found)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, found)


@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b":", b": "), b"{}"])
def test_another_body_is_refused(body: bytes) -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, signed(secret))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_another_time_is_refused(seconds: int) -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError, match="too"):
        Webhook(secret).verify(BODY, signed(secret, timestamp=int(time.time()) + seconds))


def test_mlflow_s_receivers_verify_theirs() -> None:
    """As MLflow's documentation tells them to: HMAC-SHA256 with the secret's text as the key."""
    secret = "any text, as MLflow allows"
    found = signed(secret)
    content = f"{found['X-MLflow-Delivery-Id']}.{found['X-MLflow-Timestamp']}.{BODY.decode()}"
    digest = hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest()
    assert found["X-MLflow-Signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_without_a_secret_nothing_is_signed() -> None:
    assert not [name for name in signed() if "signature" in name.lower()]


@pytest.mark.parametrize(
    "secret",
    ["", "text", "whsec_", "whsec_not base64", f"whsec_{base64.b64encode(b'short').decode()}"],
)
def test_a_secret_of_one_s_own_must_be_one(secret: str) -> None:
    with pytest.raises(BadRequest, match="'secret'"):
        check_secret(secret, "secret")


def test_ids_are_uuids_of_version_7_in_order() -> None:
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(each[14] == "7" and each[19] in "89ab" for each in ids)
    assert [each[:18] for each in ids] == sorted(each[:18] for each in ids)
