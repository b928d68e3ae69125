"""Whose a file of the store is, by its path.

    …/<run_id>/artifacts/…           a run's
    …/models/<model_id>/artifacts/…  a logged model's

Whatever else lies in the store somebody has put there himself: it is counted and left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..artifacts.paths import ArtifactPath, parse_artifact_uri

_RUN = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")
RUN, MODEL = "run", "model"


@dataclass(frozen=True, slots=True)
class Owner:
    """``folder`` is all that the run or logged model of this id has in the store."""

    kind: str
    id: str
    folder: str


def owner_of(key: str) -> Owner | None:
    """The outermost run or logged model on the way to a file."""
    segments = key.split("/")
    for at in range(len(segments) - 2):
        if segments[at + 1] != "artifacts":
            continue
        name = segments[at]
        if _RUN.fullmatch(name):
            return Owner(RUN, name, "/".join(segments[: at + 1]))
        if _MODEL.fullmatch(name) and at and segments[at - 1] == "models":
            return Owner(MODEL, name, "/".join(segments[: at + 1]))
    return None


def folder_of(artifact_uri: str) -> ArtifactPath:
    """The folder of a run or logged model: its ``artifact_uri`` without the last step."""
    path = parse_artifact_uri(artifact_uri)
    return ArtifactPath("/".join(path.segments[:-1]))
