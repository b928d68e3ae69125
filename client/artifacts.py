"""Files on their way to a run: named, checked and copied aside while the caller waits.

A copy makes what the caller does to the file afterwards harmless, and costs less than an upload. It
goes to the user's state folder, not to /tmp, which is memory on many machines.
"""

from __future__ import annotations

import io
import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .errors import BadRequest
from .report import Reporter
from .validation import check_path

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A file as the caller gave it: where it shall lie in the run, and its content or its place."""

    path: str
    content: bytes | Path


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that stays as it is until it is sent."""

    path: str
    content: bytes | Path
    size: int
    is_copy: bool

    def open(self) -> IO[bytes]:
        return (
            io.BytesIO(self.content)
            if isinstance(self.content, bytes)
            else open(self.content, "rb")
        )

    def discard(self) -> None:
        if self.is_copy and isinstance(self.content, Path):
            self.content.unlink(missing_ok=True)


class Staging:
    """This process's folder of copies; made when first needed, removed when empty at the end."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._folder: Path | None = None

    def copy(self, source: Source) -> Staged:
        """A copy of the file; where there is no room for one, the file itself."""
        if isinstance(source.content, bytes) and len(source.content) < 1 << 16:
            return Staged(source.path, source.content, len(source.content), is_copy=False)
        target = None
        try:
            target = self._new_file()
            if isinstance(source.content, bytes):
                target.write_bytes(source.content)
            else:
                shutil.copyfile(source.content, target)
            return Staged(source.path, target, target.stat().st_size, is_copy=True)
        except OSError as error:
            if target is not None:
                target.unlink(missing_ok=True)
            return self._in_place(source, error)

    def remove(self) -> None:
        if self._folder is not None:
            try:
                self._folder.rmdir()
            except OSError:
                return  # copies that were not sent are still there
            self._folder = None

    def _in_place(self, source: Source, error: OSError) -> Staged:
        if isinstance(source.content, bytes):
            return Staged(source.path, source.content, len(source.content), is_copy=False)
        try:
            size = source.content.stat().st_size
            source.content.open("rb").close()
        except OSError as unreadable:
            raise BadRequest(f"'local_path': {unreadable}. Name a file that can be read.") from None
        self._reporter.once(
            "staging",
            f"{source.content} could not be copied aside ({error}): it is read when it is sent, so "
            "leave it as it is until then.",
        )
        return Staged(source.path, source.content, size, is_copy=False)

    def _new_file(self) -> Path:
        if self._folder is None:
            self._folder = _new_folder()
        handle, name = tempfile.mkstemp(dir=self._folder)
        os.close(handle)
        return Path(name)


def _new_folder() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(
        os.path.expanduser("~"), ".local/state"
    )
    parent = os.path.join(state, "podium", "staging")
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))
    except OSError:  # a container's user without a home
        return Path(tempfile.mkdtemp(prefix="podium-"))


def one_file(local_path: StrPath, folder: str) -> list[Source]:
    path = _local(local_path, "local_path")
    if path.is_dir():
        raise BadRequest(f"'local_path': {path} is a folder. Use log_artifacts for its files.")
    if not path.is_file():
        raise BadRequest(f"'local_path': there is no file {path}.")
    return [Source(_join(folder, path.name), path)]


def all_files(local_dir: StrPath, folder: str) -> list[Source]:
    """Every file of the folder and its sub-folders; links to folders are not followed."""
    top = _local(local_dir, "local_dir")
    if not top.is_dir():
        raise BadRequest(f"'local_dir': there is no folder {top}.")
    return [
        Source(_join(folder, path.relative_to(top).as_posix()), path)
        for path in sorted(top.rglob("*"))
        if path.is_file()
    ]


def from_text(text: str, artifact_file: str) -> Source:
    if not isinstance(text, str):
        raise BadRequest(f"'text' must be a string, not {type(text).__name__}.")
    path = check_path(artifact_file, "artifact_file")
    return Source(path, text.encode(errors="backslashreplace"))


def from_dict(dictionary: object, artifact_file: str) -> Source:
    """JSON, or YAML where the name ends in .yaml or .yml and PyYAML is installed."""
    if not isinstance(dictionary, (dict, list)):
        raise BadRequest(f"'dictionary' must be a dict, not {type(dictionary).__name__}.")
    check_path(artifact_file, "artifact_file")
    try:
        text = json.dumps(dictionary, indent=2, ensure_ascii=False, default=_as_json) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"'dictionary' cannot be written as JSON: {error}.") from None
    if artifact_file.endswith((".yaml", ".yml")):
        try:
            import yaml  # type: ignore[import-untyped, unused-ignore]
        except ImportError:
            raise BadRequest(
                f"'artifact_file' is {artifact_file!r}, but PyYAML, which writes YAML, is not "
                "installed. Install pyyaml, or name the file .json."
            ) from None
        text = yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True)
    return from_text(text, artifact_file)


def from_figure(figure: Any, artifact_file: str) -> Source:
    """A Matplotlib or Plotly figure, told by its methods; the file's suffix is the format."""
    check_path(artifact_file, "artifact_file")
    suffix = posixpath.splitext(artifact_file)[1].lstrip(".").lower()
    if not suffix:
        raise BadRequest(
            f"'artifact_file' is {artifact_file!r}: give it a suffix, as in 'figure.png', "
            "which chooses the format."
        )
    buffer = io.BytesIO()
    draw: Callable[[], object]
    if hasattr(figure, "savefig"):
        draw = lambda: figure.savefig(buffer, format=suffix)  # noqa: E731
    elif hasattr(figure, "to_html") and suffix in ("html", "htm"):
        draw = lambda: buffer.write(figure.to_html().encode())  # noqa: E731
    elif hasattr(figure, "write_image"):
        draw = lambda: figure.write_image(buffer, format=suffix)  # noqa: E731
    else:
        raise BadRequest(
            f"'figure' must be a Matplotlib or Plotly figure, not {type(figure).__name__}."
        )
    try:
        draw()
    except (ValueError, ImportError, TypeError) as error:
        raise BadRequest(f"'figure' cannot be drawn as {suffix!r}: {error}") from error
    return Source(artifact_file, buffer.getvalue())


def _local(path: StrPath, field: str) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise BadRequest(f"'{field}' must be a path, not {type(path).__name__}.") from None


def _join(folder: str, name: str) -> str:
    if folder:
        check_path(folder.removesuffix("/"), "artifact_path")
    return check_path(posixpath.join(folder, name), "artifact_path")


def _as_json(value: Any) -> Any:
    """What json does not know: arrays and scalars of other libraries, sets, paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
