"""Signatures: those of Standard Webhooks, and MLflow's, so that a receiver of either is content.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Both sign ``{id}.{timestamp}.{body}`` with HMAC-SHA256. They differ in the key: Standard Webhooks
decodes what follows ``whsec_`` from base64, MLflow takes the secret's text as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from podium.client.errors import BadRequest

_PREFIX = "whsec_"
_KEY_BYTES = 32


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def check_secret(secret: str, field: str) -> str:
    """A secret somebody has chosen must be one that libraries of Standard Webhooks take."""
    encoded = secret.removeprefix(_PREFIX)
    try:
        length = len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        length = 0
    if encoded == secret or not 24 <= length <= 64:
        raise BadRequest(
            f"Invalid value for parameter '{field}' supplied: a secret is 'whsec_' and 24 to 64 "
            "bytes in base64. Leave it out to have one made."
        )
    return secret


def headers(
    event_id: str, timestamp: int, body: bytes, signed_with: Sequence[str]
) -> dict[str, str]:
    """What a receiver checks; ``signed_with`` are its secrets, the newest first, or none."""
    found = {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "X-MLflow-Delivery-Id": event_id,
        "X-MLflow-Timestamp": str(timestamp),
    }
    if signed_with:
        content = f"{event_id}.{timestamp}.".encode() + body
        found["webhook-signature"] = " ".join(
            _signature(_key(secret), content) for secret in signed_with
        )
        # This header has room for one.
        found["X-MLflow-Signature"] = _signature(signed_with[0].encode(), content)
    return found


def _signature(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    """A secret given through MLflow's API may be any text: then its bytes are the key."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()
