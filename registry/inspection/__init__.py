"""Looking into a version's files once they are registered: what they are, say and could do.

The worker reads each file once: for its SHA-256, for what ``MLmodel`` says, for the scan. Nothing
is ever loaded as a model. From then on the version has a ``digest``, and a change is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

from .findings import Finding, Level, judge
from .manifest import File, TooMany, digest_of, read, walk
from .mlmodel import ENVIRONMENTS, MAX_BYTES, Unreadable, parse_environment, parse_mlmodel
from .scan import needs_content, scan, scan_unseen

__all__ = ["File", "Inspected", "TooMany", "inspect"]

# Larger files are kept on disk while they are looked at.
_IN_MEMORY = 8 * 1024 * 1024
_TEXTS = ("MLmodel", *ENVIRONMENTS)
_MAX_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class Inspected:
    """``model`` holds what MLmodel says, and under ``environment`` the packages it needs."""

    files: tuple[File, ...]
    digest: str
    scan: str
    findings: tuple[dict[str, Any], ...]
    model: Mapping[str, Any]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


class _Kept:
    """A file's first bytes and, where they are needed, all of them.

    What is to be needed is said by the size that was listed; what was read may be another by then.
    """

    def __init__(self, path: str, size: int) -> None:
        self.head = b""
        self.size = 0
        self._path, self._listed = path, size
        self._content: IO[bytes] | None = None

    def __call__(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if not self.head:
            self.head = chunk[:4096]
            if needs_content(self._path, self._listed, self.head):
                kept = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  (see close)
                self._content = cast(IO[bytes], kept)
        if self._content is not None:
            self._content.write(chunk)

    def findings(self) -> list[Finding]:
        found = list[Finding]()
        if self._content is not None:
            self._content.seek(0)
            found += scan(self._path, self._content)
        elif self.size:
            found += scan_unseen(self._path, self.size, self.head)
        if self.size != self._listed:
            text = f"changed while it was read: {self.size} bytes instead of {self._listed}"
            found.append(Finding(self._path, Level.UNKNOWN, text))
        return found

    def text(self) -> bytes:
        content = self._content or BytesIO()
        content.seek(0)
        return content.read(MAX_BYTES + 1)

    def close(self) -> None:
        if self._content is not None:
            self._content.close()


def inspect(store: ArtifactStore, root: ArtifactPath) -> Inspected:
    """Read all of it. Only trouble with the store is raised, and :class:`TooMany`."""
    files, findings, texts = [], list[Finding](), dict[str, bytes]()
    for path, place, info in walk(store, root):
        kept = _Kept(path, info.file_size or 0)
        try:
            files.append(read(store, place, path, kept))
            findings += kept.findings()
            if path in _TEXTS and kept.size <= MAX_BYTES:
                texts[path] = kept.text()
        finally:
            kept.close()
    if not files:
        findings.append(Finding("", Level.UNKNOWN, "there are no files"))
    model = _model(texts)
    ordered = sorted(files, key=lambda each: each.path)
    told = tuple({**asdict(each), "level": str(each.level)} for each in _kept(findings))
    return Inspected(tuple(ordered), digest_of(files), judge(findings), told, model)


def _kept(findings: list[Finding]) -> list[Finding]:
    """Who trusts what each of them says must see that there are others."""
    kept = findings[:_MAX_FINDINGS]
    if len(findings) > len(kept):
        more = f"and {len(findings) - len(kept)} findings more, which are not kept"
        kept.append(Finding("", Level.UNKNOWN, more))
    return kept


def _model(texts: Mapping[str, bytes]) -> dict[str, Any]:
    """What could be read of it; what could not says why."""
    found: dict[str, Any] = {}
    problems = []
    if "MLmodel" in texts:
        try:
            found |= parse_mlmodel(texts["MLmodel"])
        except Unreadable as error:
            problems.append(str(error))
    try:
        found["environment"] = parse_environment(texts)
    except Unreadable as error:
        problems.append(str(error))
    return {**found, "problems": problems}
