"""The files of a run or a version in its page: a folder, and what can be shown of one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from podium.client.entities import FileInfo
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

from .previews import Preview, preview

# A picture of a step: as MLflow's log_image writes it, or with a number in its name, the last one.
_STEPS = (
    re.compile(
        r"(?P<before>.+)\+step\+(?P<step>[0-9]{1,18})\+timestamp\+[0-9]+\+[0-9a-f-]+(?P<after>.*)"
    ),
    re.compile(r"(?P<before>.*?)(?P<step>[0-9]{1,18})(?P<after>[^0-9]*)"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose files these are.

    ``root`` is their folder in the store; ``page`` and ``download`` are addresses to which a path
    is added as the query parameter ``path``, or to a download as ``parameter``. ``frame`` is one
    that shows a page in a frame, if there is one. ``nothing`` is said where there are no files,
    and ``hint`` is what to type then.
    """

    root: ArtifactPath
    page: str
    download: str
    nothing: str
    hint: str = ""
    parameter: str = "path"
    frame: str = ""


@dataclass(frozen=True, slots=True)
class Crumb:
    name: str
    link: str


@dataclass(frozen=True, slots=True)
class Files:
    """A folder and, when the path is a file, what can be shown of it."""

    place: Place
    folder: Sequence[FileInfo]
    crumbs: tuple[Crumb, ...]
    path: str
    name: str
    preview: Preview | None

    def link(self, path: str) -> str:
        return _with_path(self.place.page, path)

    def download(self, path: str) -> str:
        return _with_path(self.place.download, path, self.place.parameter)

    @property
    def frame(self) -> str:
        return _with_path(self.place.frame, self.path) if self.place.frame else ""

    @property
    def steps(self) -> list[tuple[int, str]]:
        """If this is a picture of a step: the steps there are, and the path of each one's."""
        if self.preview is None or self.preview.kind != "image":
            return []
        name, step = _step_of(self.path)
        if step is None:
            return []
        parts = [(*_step_of(each.path), each.path) for each in self.folder if not each.is_dir]
        return sorted(
            (found, path) for other, found, path in parts if found is not None and other == name
        )

    @property
    def steps_json(self) -> str:
        """For the script of the slider: each step, its picture's address and that of its page."""
        return json.dumps(
            [[step, self.download(path), self.link(path)] for step, path in self.steps]
        )


def look(store: ArtifactStore, place: Place, asked: str) -> Files:
    """What is at a path; :class:`BadRequest` for one that leads elsewhere."""
    path = ArtifactPath.parse_folder(asked)
    shown = preview(store, place.root / path) if path.key else None
    folder = path.key.rpartition("/")[0] if shown is not None else path.key
    crumbs, below = [Crumb("files", place.page)], ""
    for segment in folder.split("/") if folder else ():
        below = f"{below}/{segment}" if below else segment
        crumbs.append(Crumb(segment, _with_path(place.page, below)))
    prefix = f"{folder}/" if folder else ""
    return Files(
        place=place,
        folder=[
            FileInfo(prefix + each.path, each.is_dir, each.file_size)
            for each in store.list(place.root / ArtifactPath(folder))
        ],
        crumbs=tuple(crumbs),
        path=path.key,
        name=path.name,
        preview=shown,
    )


def _step_of(path: str) -> tuple[tuple[str, str], int | None]:
    """What is before and after the step in a name, and the step."""
    for pattern in _STEPS:
        if found := pattern.fullmatch(path):
            return (found["before"], found["after"]), int(found["step"])
    return (path, ""), None


def _with_path(address: str, path: str, parameter: str = "path") -> str:
    if not path:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({parameter: path})}"
