"""Gates that look at what a version is made of: data, tags, params, schema, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from podium.client.errors import BadRequest, PodiumError
from podium.tracker.artifacts.paths import parse_artifact_uri

from ...inspection.manifest import TooMany, differences
from ..schema import incompatibilities, signature_of
from .base import Facts, Outside, Subject, Verdict

ANY = "*"


@dataclass(frozen=True, slots=True)
class SameDataset:
    """Its run has read the data that the holder's has read, by name and digest, in a ``context``
    such as ``eval``; without one, in any. Metrics compare only if they were measured of the same.

    With a ``digest``, it is that data, whoever holds the stage.
    """

    kind: ClassVar[str] = "same_dataset"
    context: str = ""
    digest: str = ""

    @property
    def words(self) -> str:
        data = f"the data set {self.digest}" if self.digest else "the data that the holder's has"
        return f"its run has read {data}{f' for {self.context}' if self.context else ''}"

    def check(self, facts: Facts) -> Verdict:
        ours = self._read_by(facts.version)
        compared: dict[str, object] = {"datasets": _written(ours)}
        where = f" for {self.context}" if self.context else ""
        if self.digest:
            passed = any(digest == self.digest for _, digest in ours)
            has = "has read" if passed else "has not read"
            return Verdict(passed, f"Its run {has} the data set {self.digest}{where}.", compared)
        if facts.holder is None:
            return Verdict(True, f"{facts.stage} has no version to compare with.", compared)
        theirs = self._read_by(facts.holder)
        compared |= {"holder": facts.holder.version, "holder_datasets": _written(theirs)}
        if not ours or not theirs:
            who = "Its run" if not ours else f"The run of version {facts.holder.version}"
            return Verdict(False, f"{who} does not say which data it has read{where}.", compared)
        same = "the same data as" if ours == theirs else "other data than"
        return Verdict(
            ours == theirs,
            f"Its run has read {same} that of version {facts.holder.version}{where}.",
            compared,
        )

    def _read_by(self, subject: Subject) -> set[tuple[str, str]]:
        return {
            (name, digest)
            for name, digest, context in subject.datasets
            if not self.context or context == self.context
        }


@dataclass(frozen=True, slots=True)
class Required:
    """It has these tags, and its run these params. ``*`` stands for any value but an empty one.

    A tag may be the version's own or its run's.
    """

    kind: ClassVar[str] = "required"
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.tags and not self.params:
            raise BadRequest("A gate 'required' needs 'tags' or 'params'.")

    @property
    def words(self) -> str:
        wanted = [("tag", *each) for each in self.tags.items()]
        wanted += [("param", *each) for each in self.params.items()]
        said = [
            f"{what} {key}" + ("" if value == ANY else f" = {value}") for what, key, value in wanted
        ]
        return f"it has {', '.join(said)}"

    def check(self, facts: Facts) -> Verdict:
        compared, missing = {}, []
        for word, wanted, found in (
            ("tag", self.tags, facts.version.tags),
            ("param", self.params, facts.version.params),
        ):
            for key, value in wanted.items():
                there = found.get(key)
                compared[f"{word}.{key}"] = there
                if there is None or (not there.strip() if value == ANY else there != value):
                    missing.append(f"{word} {key}" + ("" if value == ANY else f" = {value}"))
        if missing:
            return Verdict(False, f"It lacks {', '.join(missing)}.", compared)
        return Verdict(True, "It has the tags and params it must have.", compared)


@dataclass(frozen=True, slots=True)
class SchemaCompatible:
    """Who calls the holder can call it: it asks for no more, and answers no less."""

    kind: ClassVar[str] = "schema"

    @property
    def words(self) -> str:
        return "who calls the holder can call it"

    def check(self, facts: Facts) -> Verdict:
        if facts.version.model is None:
            return Verdict(False, "Its files have not been read yet, so its schema is not known.")
        ours = signature_of(facts.version.model)
        if facts.holder is None:
            if ours is None:
                return Verdict(False, "Its MLmodel file has no signature.")
            return Verdict(True, f"{facts.stage} has no version to compare with.")
        compared = {"holder": facts.holder.version}
        theirs = signature_of(facts.holder.model or {})
        if ours is None or theirs is None:
            who = "It" if ours is None else f"Version {facts.holder.version}"
            return Verdict(False, f"{who} has no signature in an MLmodel file.", compared)
        found = incompatibilities(theirs, ours)
        if found:
            said = "; ".join(found[:5])
            return Verdict(
                False,
                f"Who calls version {facts.holder.version} cannot call it: {said}.",
                {**compared, "differences": found},
            )
        return Verdict(
            True, f"Who calls version {facts.holder.version} can call it as well.", compared
        )


@dataclass(frozen=True, slots=True)
class ScanClean:
    """A scan of its files has found nothing that runs code when the model is loaded.

    ``trusted`` are packages of yours whose classes a pickle may hold.
    """

    kind: ClassVar[str] = "scan"
    trusted: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        but = f" but classes of {', '.join(self.trusted)}" if self.trusted else ""
        return f"the scan of its files found nothing{but}"

    def check(self, facts: Facts) -> Verdict:
        scan = facts.version.scan
        found = [f"{each['path']} {each['text']}" for each in facts.version.findings[:20]]
        compared: dict[str, object] = {"scan": scan, "findings": found}
        if scan is None:
            return Verdict(False, "Its files have not been scanned yet.", compared)
        if scan == "CLEAN":
            return Verdict(True, "The scan of its files found nothing.", compared)
        left = [each for each in facts.version.findings if not self._vouches_for(each)]
        if not left and scan == "UNKNOWN" and facts.version.findings:
            return Verdict(True, "The scan found nothing that is not trusted.", compared)
        first = f"{left[0]['path']} {left[0]['text']}" if left else "no reason was given"
        word = "found danger" if scan == "UNSAFE" else "cannot say that they are clean"
        return Verdict(False, f"The scan of its files {word}: {first}.", compared)

    def _vouches_for(self, finding: Mapping[str, Any]) -> bool:
        root = str(finding["module"]).partition(".")[0]
        return finding["level"] == "UNKNOWN" and root in self.trusted


@dataclass(frozen=True, slots=True)
class FilesUnchanged:
    """Its files are, byte for byte, those that were registered: they are read again to know."""

    kind: ClassVar[str] = "files"

    @property
    def words(self) -> str:
        return "its files are those that were registered"

    def check(self, facts: Facts) -> Verdict:
        return Verdict(False, "Its files have not been compared: this server has no store at hand.")

    def ask(self, facts: Facts, outside: Outside) -> Verdict:
        version = facts.version
        if outside.store is None:
            return self.check(facts)
        if not version.digest:
            return Verdict(False, "Its files have not been read yet, so nothing compares.")
        try:
            root = parse_artifact_uri(version.location)
            changed = differences(outside.store, root, version.files)
        except (PodiumError, TooMany) as error:
            return Verdict(False, f"Its files cannot be read: {error}")
        if changed:
            said = f"Its files are not those that were registered: {'; '.join(changed[:5])}."
            return Verdict(False, said, {"changed": changed})
        return Verdict(True, "Its files are those that were registered.")


def _written(datasets: set[tuple[str, str]]) -> list[str]:
    return sorted(f"{name}@{digest}" for name, digest in datasets)
