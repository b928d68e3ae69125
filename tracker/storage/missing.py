"""The other kind of orphan: what the database knows of files that are not there any more.

Nothing of Podium's removes them; a bucket's life-cycle rule, a disk or somebody did. Who knows
which files there must be, in another package, says so with :func:`expects`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from podium.client.errors import NotFound
from sqlalchemy.orm import Session

from ..artifacts.base import ArtifactStore
from ..artifacts.paths import ArtifactPath
from ..db import Database


@dataclass(frozen=True, slots=True)
class Expected:
    """``whose`` files, by their path below ``root``, with their sizes in bytes.

    Where ``root`` is a file itself, it is that one, by its own name.
    """

    whose: str
    root: ArtifactPath
    files: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Lack:
    """``files`` are paths in the store: not there, or of another size."""

    whose: str
    files: tuple[str, ...]


Rule = Callable[[Session], Iterator[Expected]]
_rules: list[Rule] = []


def expects(rule: Rule) -> Rule:
    """Ask ``rule``, too, which files there must be."""
    _rules.append(rule)
    return rule


def missing(db: Database, store: ArtifactStore) -> Iterator[Lack]:
    """What lacks files, one listing each. Changes nothing."""
    with db.reading() as session:
        for rule in _rules:
            for each in rule(session):
                wanted = {(each.root / ArtifactPath(path)).key: n for path, n in each.files.items()}
                there = _below(store, each.root)
                lacking = tuple(sorted(key for key, n in wanted.items() if there.get(key) != n))
                if lacking:
                    yield Lack(each.whose, lacking)


def _below(store: ArtifactStore, root: ArtifactPath) -> dict[str, int]:
    """The sizes of all files by their keys."""
    found = {file.key: file.size for file in store.walk(root)}
    if not found:
        with suppress(NotFound):
            alone = (root / ArtifactPath(root.name)).key
            found[alone] = store.stat(root).file_size or 0
    return found
