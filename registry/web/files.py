"""The files of a run or a version in its page: a folder, and what can be shown of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from podium.client.entities import FileInfo
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

from .previews import Preview, preview


@dataclass(frozen=True, slots=True)
class Place:
    """Whose files these are.

    ``root`` is their folder in the store; ``page`` and ``download`` are addresses to which a path
    is added as the query parameter ``path``. ``nothing`` is said where there are no files, and
    ``hint`` is what to type then.
    """

    root: ArtifactPath
    page: str
    download: str
    nothing: str
    hint: str = ""


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
    download: str

    def link(self, path: str) -> str:
        return _with_path(self.place.page, path)


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
        download=_with_path(place.download, path.key),
    )


def _with_path(address: str, path: str) -> str:
    if not path:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'path': path})}"
