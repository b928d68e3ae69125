"""What of a row is hashed, and how."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podium.client.errors import BadRequest
from sqlalchemy import select
from sqlalchemy.orm import Session

from .table import AuditRow

# What the first row says of the row before it.
GENESIS = "0" * 64

# All columns but the hash itself.
_HASHED = tuple(name for name in AuditRow.__table__.columns.keys() if name != "hash")  # noqa: SIM118

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row. Kept elsewhere, it proves that no row up to it has changed or gone."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        number, _, digest = text.partition(":")
        if not number.isascii() or not number.isdigit() or len(digest) != len(GENESIS):
            raise BadRequest(
                f"{text[:100]!r} is no head of the audit log: give what `podium audit verify` "
                "printed, a number, a colon and 64 hexadecimal digits."
            )
        return cls(int(number), digest)


START = Head(0, GENESIS)


def head(session: Session) -> Head:
    row = session.execute(
        select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)
    ).first()
    return START if row is None else Head(*row)


def content(row: AuditRow | Mapping[str, Any]) -> Json:
    """A row as it is hashed and told, ``before`` and ``after`` as objects.

    Raises :class:`ValueError` when those are no JSON: then somebody has been at the row.
    """
    found = {
        name: row[name] if isinstance(row, Mapping) else getattr(row, name) for name in _HASHED
    }
    for name in ("before", "after"):
        if found[name] is not None:
            found[name] = json.loads(found[name])
    return found


def digest(told: Json) -> str:
    return hashlib.sha256(canonical(told).encode("ascii")).hexdigest()


def canonical(value: Mapping[str, Any]) -> str:
    """JSON in one way only: sorted keys, no spaces, ASCII."""
    return json.dumps(
        _finite(value), sort_keys=True, separators=(",", ":"), allow_nan=False, default=str
    )


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinities: they are written as strings, as in the API."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
