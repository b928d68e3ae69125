"""One run of this process: everything that can be logged to it.

A run is a context manager. Left by an exception it ends as FAILED, by Ctrl-C as KILLED, otherwise
as FINISHED. What logs returns at once: background threads talk to the server.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from time import time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex

from . import active, lifecycle, session
from .entities import RunSnapshot, RunStatus
from .errors import BadRequest
from .lane import Lane
from .parcels import Change, Param, Record, Tag
from .rules import INT64_MAX, INT64_MIN, MAX_PARAM_VALUE, MAX_TAG_VALUE, check_key
from .validation import as_int64, as_mapping, as_number, as_text, as_timestamp

if TYPE_CHECKING:
    from .artifacts import Source
    from .spool import Spool


class _Series:
    """A key that was found good: its number in the spool, and the step when none is given."""

    __slots__ = ("next_step", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.next_step = 0


class Run:
    def __init__(self, lane: Lane, spool: Spool, *, resumed: RunSnapshot | None = None) -> None:
        self._lane, self._spool = lane, spool
        self._append: Callable[[Record], None] = spool.append
        self._point: Callable[[int, int, int, float], bool] = spool.point
        self._pid = os.getpid()
        self._begun = time_ns() // 1_000_000, time.monotonic()
        self._params: dict[str, str] = dict(resumed.params) if resumed else {}
        self._series: dict[str, _Series] = {}
        for point in resumed.latest if resumed else ():
            self._begin_series(point.key).next_step = min(point.step + 1, INT64_MAX)
        self.status = RunStatus.RUNNING
        session.current().register(self)

    @property
    def run_id(self) -> str:
        return self._lane.run_id

    @property
    def url(self) -> str:
        """The page of this run."""
        return f"{session.current().config.tracking_uri or ''}/runs/{self.run_id}"

    @property
    def experiment_url(self) -> str:
        """The page of its experiment; that of all experiments until the server has the run."""
        where = f"{session.current().config.tracking_uri or ''}/experiments"
        return f"{where}/{self._lane.experiment_id}" if self._lane.experiment_id else where

    @property
    def unfinished(self) -> bool:
        """Whether it goes on, or something of it waits for the server."""
        return not self.status.ended or self._spool.waiting

    @property
    def lane(self) -> Lane:
        return self._lane

    @property
    def owned(self) -> bool:
        """Whether this process started the run; a forked child logs to it but does not end it."""
        return self._pid == os.getpid()

    def __repr__(self) -> str:
        return f"<Run {self.run_id} {self.status}>"

    def log_metric(
        self,
        key: str,
        value: SupportsFloat,
        step: SupportsIndex | None = None,
        *,
        timestamp: int | None = None,
    ) -> None:
        """Log one point. Without ``step`` it is one more than the key's last (the first is 0)."""
        try:
            series = self._series[key]
        except (KeyError, TypeError):
            series = None
            check_key(key, "key", kind="metric")
        if type(value) is not float:
            value = as_number(value, "value")
        if step is not None and (type(step) is not int or not INT64_MIN <= step <= INT64_MAX):
            step = as_int64(step, "step")
        when = time_ns() // 1_000_000 if timestamp is None else as_timestamp(timestamp, "timestamp")
        if series is None:
            series = self._begin_series(key)
        if step is None:
            step = series.next_step
        series.next_step = step + 1 if step < INT64_MAX else step
        self._point(series.number, step, when, value)

    def log_metrics(
        self,
        metrics: Mapping[str, SupportsFloat],
        step: SupportsIndex | None = None,
        *,
        timestamp: int | None = None,
    ) -> None:
        """Log one point of each key at one step and time; all of them, or none if one is wrong."""
        values = {
            check_key(key, "metrics", kind="metric"): as_number(value, f"metrics[{key!r}]")
            for key, value in as_mapping(metrics, "metrics").items()
        }
        step = None if step is None else as_int64(step, "step")
        when = time_ns() // 1_000_000 if timestamp is None else as_timestamp(timestamp, "timestamp")
        for key, value in values.items():
            self.log_metric(key, value, step, timestamp=when)

    def log_param(self, key: str, value: object) -> None:
        """Log an input of the run, as ``str(value)``. A param never changes once it is logged."""
        check_key(key, "key", kind="param")
        self._log_param(key, as_text(value, "value"))

    def log_params(self, params: Mapping[str, object]) -> None:
        texts = {
            check_key(key, "params", kind="param"): as_text(value, f"params[{key!r}]")
            for key, value in as_mapping(params, "params").items()
        }
        for key, text in texts.items():
            self._log_param(key, text)

    def set_tag(self, key: str, value: object) -> None:
        """Set a tag, as ``str(value)``; a later value replaces an earlier one."""
        check_key(key, "key", kind="tag")
        self._append(cut_tag(key, as_text(value, "value")))

    def set_tags(self, tags: Mapping[str, object]) -> None:
        for tag in checked_tags(tags):
            self._append(tag)

    def log_artifact(self, local_path: str | os.PathLike[str], artifact_path: str = "") -> None:
        """Store a file with the run, in the folder ``artifact_path``.

        It is copied before this returns, so it may be changed or deleted at once, and is sent in
        the background. ``flush`` and ``end`` wait for it.
        """
        from . import artifacts

        self._upload(artifacts.one_file(local_path, artifact_path))

    def log_artifacts(self, local_dir: str | os.PathLike[str], artifact_path: str = "") -> None:
        """Store all files of a folder and its sub-folders, under ``artifact_path``."""
        from . import artifacts

        self._upload(artifacts.all_files(local_dir, artifact_path))

    def log_text(self, text: str, artifact_file: str) -> None:
        """Store text as a file of the run, as in ``log_text(report, "reports/eval.txt")``."""
        from . import artifacts

        self._upload([artifacts.from_text(text, artifact_file)])

    def log_dict(self, dictionary: object, artifact_file: str) -> None:
        """Store a dict or list as JSON; as YAML where the name says so and PyYAML is installed."""
        from . import artifacts

        self._upload([artifacts.from_dict(dictionary, artifact_file)])

    def log_figure(self, figure: Any, artifact_file: str) -> None:
        """Store a Matplotlib or Plotly figure; the file's suffix chooses the format."""
        from . import artifacts

        self._upload([artifacts.from_figure(figure, artifact_file)])

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until the server has what this run logged so far; whether it has.

        At most ``timeout`` seconds (PODIUM_FINISH_TIMEOUT); longer while bytes of a file move.
        """
        return session.current().flush(timeout, [self._lane])

    def end(self, status: RunStatus | str = RunStatus.FINISHED) -> None:
        """End the run, wait for the server (PODIUM_FINISH_TIMEOUT at most), say what it lacks."""
        try:
            status = RunStatus(status)
        except ValueError:
            status = RunStatus.RUNNING
        if not status.ended:
            raise BadRequest("'status' must be FINISHED, FAILED or KILLED.")
        if not self.owned:
            session.current().finish([self._lane])
            return
        ending = [*active.above(self), self]
        for run in ending:
            run.close(status)
        session.current().finish([run.lane for run in ending])
        lifecycle.release_sigterm()

    def close(self, status: RunStatus) -> None:
        """Record the end without waiting for the server."""
        active.remove(self)
        if self.status.ended:
            return
        self.status = status
        change = {
            "run_id": self.run_id,
            "status": status.value,
            "end_time": self._now(),
        }
        self._append(Change("update", change))
        self._append, self._point = self._append_late, self._point_late
        self._lane.closed_at = time.monotonic()
        session.current().sender.wake()

    def _now(self) -> int:
        """In ms; if the clock was put back while it went on, as if it had not been."""
        begun, running = self._begun
        now = time_ns() // 1_000_000
        return now if now >= begun else begun + int((time.monotonic() - running) * 1000)

    def renew(self) -> None:
        """Become a writer of its own, in a forked child: the parent sends what is its own."""
        parent = self._lane
        keys = sorted(self._series, key=lambda key: self._series[key].number)
        self._spool = session.current().new_spool(parent.run_id, keys=keys)
        self._lane = Lane(self._spool, parent.create, artifact_uri=parent.artifact_uri)
        self._lane.experiment_id, self._lane.refused = parent.experiment_id, parent.refused
        self._append, self._point = self._append_first, self._point_first

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if not self.status.ended:
            self.end(lifecycle.status_after(error))

    def _log_param(self, key: str, text: str) -> None:
        if len(text) > MAX_PARAM_VALUE:
            text = cut(text, MAX_PARAM_VALUE, f"param {key!r}")
        known = self._params.setdefault(key, text)
        if known == text:
            self._append(Param(key, text))
            return
        session.current().reporter.once(
            f"{self.run_id} param {key}",
            f"param {key!r} stays {known!r}: a param never changes, so {text!r} is not stored. "
            "Use a tag or a metric for what changes.",
        )

    def _begin_series(self, key: str) -> _Series:
        return self._series.setdefault(key, _Series(self._spool.key(key)))

    def _append_first(self, record: Record) -> None:
        """Append in a forked child, which may reach the server before its parent does."""
        self._begin_in_child()
        self._append(record)

    def _point_first(self, key: int, step: int, timestamp: int, value: float) -> bool:
        self._begin_in_child()
        return self._point(key, step, timestamp, value)

    def _begin_in_child(self) -> None:
        if self._lane.create is not None:
            self._spool.append(self._lane.create)
        self._append, self._point = self._spool.append, self._spool.point
        session.current().sender.open(self._lane)
        lifecycle.watch_worker()

    def _append_late(self, record: Record) -> None:
        """Append to an ended run, where the sender does not look any more."""
        self._spool.append(record)
        session.current().sender.open(self._lane)

    def _point_late(self, key: int, step: int, timestamp: int, value: float) -> bool:
        stored = self._spool.point(key, step, timestamp, value)
        session.current().sender.open(self._lane)
        return stored

    def _upload(self, files: list[Source]) -> None:
        if self._append == self._append_first:
            self._begin_in_child()
        session.current().uploads.put(self._lane, files)


def checked_tags(tags: Mapping[str, object], field: str = "tags") -> list[Tag]:
    return [
        cut_tag(check_key(key, field, kind="tag"), as_text(value, f"{field}[{key!r}]"))
        for key, value in as_mapping(tags, field).items()
    ]


def cut_tag(key: str, text: str) -> Tag:
    return Tag(key, cut(text, MAX_TAG_VALUE, f"tag {key!r}"))


def cut(text: str, limit: int, what: str) -> str:
    """What is stored of a value: all up to MLflow's limit. Said once where more was given."""
    if len(text) > limit:
        session.current().reporter.once(
            f"cut {what}",
            f"{what} has {len(text)} characters: the first {limit} are stored. "
            "Use log_text for long texts.",
        )
    return text[:limit]
