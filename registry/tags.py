"""Tags of models and of versions: what they may be called, and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podium.client.rules import MAX_REGISTRY_TAG_VALUE, check_key, check_text
from podium.tracker.db import insert
from sqlalchemy.orm import Session

from .models import ModelTag, VersionTag

_TOLD = 500


def checked(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The tags, each once: of several with one key the last is meant."""
    found = {}
    for key, value in pairs:
        check_key(key, "key", kind="tag")
        found[key] = check_text(value, "value", limit=MAX_REGISTRY_TAG_VALUE)
    return found


def told(text: str) -> str:
    """A tag's value or a description for the audit log, which is no place for whole prompts."""
    return text if len(text) <= _TOLD else text[: _TOLD - 1] + "…"


def there(
    session: Session, table: type[ModelTag] | type[VersionTag], owner: int, key: str
) -> dict[str, str] | None:
    """The tag as it is before it is set, for the audit log."""
    tag: Any = session.get(table, (owner, key), populate_existing=True)
    return None if tag is None else {key: told(tag.value)}


def write(
    session: Session,
    table: type[ModelTag] | type[VersionTag],
    owner: int,
    tags: Mapping[str, str],
) -> None:
    """Set tags of the row ``owner``; the value of one that is there is replaced."""
    if not tags:
        return
    name = "model" if table is ModelTag else "version"
    rows: list[dict[str, Any]] = [
        {name: owner, "key": key, "value": value} for key, value in tags.items()
    ]
    new = insert(session, table).values(rows)
    session.execute(
        new.on_conflict_do_update(index_elements=[name, "key"], set_={"value": new.excluded.value})
    )
