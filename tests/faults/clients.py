"""Clients that go on through every fault, remember what they were told, and the check afterwards.

A client sends again what it got no answer to, as Podium's own client does, until it is told that it
is stored. Afterwards the database must hold everything that was acknowledged, nothing twice, and
every change of a stage with all that belongs to it: history, audit row and event.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import urllib3
from podium.client import wire
from podium.registry.events import EventType
from podium.registry.models import ModelVersion, RegisteredModel
from podium.registry.outbox import OutboxEvent
from podium.registry.promotion.tables import TransitionRow
from podium.tracker import audit
from podium.tracker.audit.table import AuditRow
from podium.tracker.db import Database
from podium.tracker.metrics import whole
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Run, Tag
from sqlalchemy import func, select

_MLFLOW = "/api/2.0/mlflow"
_POINTS = 10
# What a client may be answered while something is broken, and sends again.
_LATER = (429, 503)


@dataclass
class Told:
    """What the clients were told, together. ``runs`` holds the last batch of each run."""

    batches: Counter[str] = field(default_factory=Counter)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    wrong: list[str] = field(default_factory=list)
    longest: float = 0.0

    @property
    def acknowledged(self) -> int:
        return sum(self.batches.values()) + len(self.tags) + len(self.stages)


class Clients:
    """Threads that log, tag, register and promote, each over a connection of its own."""

    def __init__(self, urls: Sequence[str], count: int) -> None:
        self.told = Told()
        self.urls = list(urls)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, args=(number,), daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self, seconds: float = 120) -> Told:
        """Each client gets through with what it was about; the faults must be over."""
        self._stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), f"a client hangs: {self.told.answers}"
        return self.told

    def wait_for(self, more: int, seconds: float = 120) -> None:
        """Until so many more things have been acknowledged: work goes on."""
        wanted, deadline = self.told.acknowledged + more, time.monotonic() + seconds
        while self.told.acknowledged < wanted:
            assert time.monotonic() < deadline, f"nothing goes on: {self.told.answers}"
            time.sleep(0.02)

    def wait_until_answered(self, status: int, seconds: float = 60) -> None:
        """Until one more of them is answered so."""
        before, deadline = self.told.answers[status], time.monotonic() + seconds
        while self.told.answers[status] == before:
            assert time.monotonic() < deadline, f"nobody is answered so: {self.told.answers}"
            time.sleep(0.02)

    def _work(self, number: int) -> None:
        try:
            self._log_and_promote(number)
        except Exception as error:  # noqa: BLE001  (the test tells of it)
            self.told.wrong.append(repr(error))

    def _log_and_promote(self, number: int) -> None:
        chance, pool = random.Random(number), urllib3.PoolManager(retries=False, timeout=10)
        run, writer = uuid.uuid4().hex, uuid.uuid4().bytes
        name = f"model-{run[:12]}"
        self._ask(chance, pool, "/runs/create", experiment_id="0", run_id=run)
        self._ask(chance, pool, "/registered-models/create", name=name)
        self._ask(chance, pool, "/model-versions/create", name=name, source=f"runs:/{run}/m")
        stages = itertools.cycle(("Staging", "Production", "Archived"))
        for step in itertools.count():
            if self._stop.is_set():
                return
            self._send(chance, pool, f"/api/v1/runs/{run}/points", _batch(writer, step))
            with self._lock:
                self.told.batches[run] += 1
            if step % 5 == 0:
                self._ask(chance, pool, "/runs/set-tag", run_id=run, key="k", value=str(step))
                self.told.tags[run, "k"] = str(step)
            if step % 7 == 0:
                stage = next(stages)
                asked = {"name": name, "version": "1", "stage": stage}
                self._ask(chance, pool, "/model-versions/transition-stage", **asked)
                self.told.stages[name] = stage

    def _ask(
        self, chance: random.Random, pool: urllib3.PoolManager, path: str, **body: Any
    ) -> None:
        self._send(chance, pool, _MLFLOW + path, json.dumps(body).encode())

    def _send(
        self, chance: random.Random, pool: urllib3.PoolManager, path: str, body: bytes
    ) -> None:
        kind = wire.CONTENT_TYPE if path.endswith("/points") else "application/json"
        begun, sent_before = time.monotonic(), False
        while True:
            url = chance.choice(self.urls)
            try:
                answer = pool.request("POST", url + path, body=body, headers={"Content-Type": kind})
            except urllib3.exceptions.HTTPError:
                with self._lock:
                    self.told.broken += 1
                sent_before = True
                time.sleep(0.05)
                continue
            with self._lock:
                self.told.answers[answer.status] += 1
                self.told.longest = max(self.told.longest, time.monotonic() - begun)
                if answer.status in _LATER:
                    self.told.refusals[answer.data.decode()[:500]] += 1
            # What was carried out before its answer was lost is there already.
            there = answer.status == 400 and b"ALREADY_EXISTS" in answer.data and sent_before
            if answer.status == 200 or there:
                return
            if answer.status not in _LATER:
                raise AssertionError(f"{path}: {answer.status} {answer.data[:300]!r}")
            sent_before = True
            time.sleep(0.05)


@contextmanager
def clients(urls: Sequence[str], count: int = 6) -> Iterator[Clients]:
    """At work already."""
    made = Clients(urls, count)
    made.start()
    try:
        yield made
    finally:
        made._stop.set()


def check(db: Database, told: Told) -> dict[str, int]:
    """Everything acknowledged is there, once, and whole; what was looked at, counted."""
    assert told.wrong == []
    assert not [status for status in told.answers if status >= 500 and status != 503]
    with db.reading() as session:
        for run_id, batches in told.batches.items():
            run = session.scalars(select(Run.id).where(Run.run_id == run_id)).one()
            steps = [
                int(step)
                for _, pieces in whole.series(session, run)
                for piece in pieces
                for step in piece.steps
            ]
            stored = len(steps) // _POINTS
            # One batch may be stored whose answer nobody waited for.
            assert batches <= stored <= batches + 1, run_id
            assert sorted(steps) == list(range(stored * _POINTS)), run_id
            counted = select(MetricSummary.points).where(MetricSummary.run == run)
            assert session.scalar(counted) == len(steps)
        for (run_id, key), value in told.tags.items():
            tag = select(Tag.value).join(Run).where(Run.run_id == run_id, Tag.key == key)
            assert int(session.scalars(tag).one()) >= int(value)
        promotions = _check_promotions(session, told)
    assert audit.verify(db).broken is None
    return {
        "batches": sum(told.batches.values()),
        "promotions": promotions,
        "acknowledged": told.acknowledged,
        "503": told.answers[503],
        "cut": told.broken,
    }


def _check_promotions(session: Any, told: Told) -> int:
    """By model: the last change is the stage; as many rows of history as audit rows and events."""
    total = 0
    kind = EventType.MODEL_VERSION_TRANSITIONED_STAGE
    for name, stage in told.stages.items():
        found = session.scalars(
            select(ModelVersion).join(RegisteredModel).where(RegisteredModel.name == name)
        ).one()
        moves = session.scalars(
            select(TransitionRow)
            .where(TransitionRow.version == found.id)
            .order_by(TransitionRow.id)
        ).all()
        assert moves[-1].after == found.stage
        assert stage in [move.after for move in moves[-3:]]
        for one, other in itertools.pairwise(moves):
            assert one.after == other.before
        subject = f"model:{name}/1"
        audited = select(func.count()).where(
            AuditRow.subject == subject, AuditRow.action == "version.promote"
        )
        events = [
            json.loads(data)
            for data in session.scalars(select(OutboxEvent.data).where(OutboxEvent.type == kind))
        ]
        emitted = [each for each in events if each["name"] == name]
        assert session.scalar(audited) == len(moves) == len(emitted), name
        total += len(moves)
    return total


def _batch(writer: bytes, number: int) -> bytes:
    steps = array("q", range(number * _POINTS, (number + 1) * _POINTS)).tobytes()
    times = array("q", [1] * _POINTS).tobytes()
    values = array("d", [0.5] * _POINTS).tobytes()
    return wire.encode(wire.Batch(writer, number, (wire.Series("loss", steps, times, values),)))
