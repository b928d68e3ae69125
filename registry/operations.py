"""How the installation does, in sentences: what is wrong, and what to do about it.

What is looked at is what the alerts of the chart look at, with the same limits
(tests/helm/test_alerts.py compares them), and docs/runbooks.md has more to say about each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podium.client.errors import PodiumError
from podium.tracker import turns
from podium.tracker.schema_history import check_schema
from podium.tracker.state import Gauge
from sqlalchemy import select

from .launches.tables import LaunchCluster
from .webhooks.tables import Webhook

if TYPE_CHECKING:
    from podium.tracker.services import Services

OUTBOX_SECONDS = 300
DELIVERY_SECONDS = 600
COMPACTION_SECONDS = 1800
INSPECTION_SECONDS = 900
LAUNCH_SECONDS = 600
RECONCILE_SECONDS = 300
OVERDUE_SECONDS = 300
_WORKER = "Look at a worker's log; if none runs, start one: podium worker"


@dataclass(frozen=True, slots=True)
class Finding:
    """``runbook`` is the anchor of its section in docs/runbooks.md, ``page`` one of ours."""

    subject: str
    well: bool
    text: str
    fix: str = ""
    runbook: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class _Age:
    """A gauge in seconds; beyond ``limit`` ``late`` is said. ``subject`` is its runbook, too."""

    subject: str
    gauge: str
    limit: float
    well: str
    late: str


_AGES = (
    _Age(
        "events",
        "podium_outbox_age_seconds",
        OUTBOX_SECONDS,
        "Every event has been taken up.",
        "The oldest event that no worker has taken up is of",
    ),
    _Age(
        "deliveries",
        "podium_webhook_delivery_overdue_seconds",
        DELIVERY_SECONDS,
        "Every delivery leaves when it is due.",
        "A delivery, of a webhook whose receiver is well, should have left",
    ),
    _Age(
        "compaction",
        "podium_compaction_lag_seconds",
        COMPACTION_SECONDS,
        "Points are compressed as they come.",
        "The oldest points that are not compressed are of",
    ),
    _Age(
        "inspection",
        "podium_inspection_lag_seconds",
        INSPECTION_SECONDS,
        "New versions are looked into.",
        "A version whose files nobody has looked into was registered",
    ),
    _Age(
        "launches",
        "podium_launch_wait_seconds",
        LAUNCH_SECONDS,
        "Launches are begun as they come.",
        "A launch that no cluster has got yet was asked for",
    ),
    _Age(
        "launches",
        "podium_reconcile_lag_seconds",
        RECONCILE_SECONDS,
        "Clusters are looked after.",
        "A cluster with launches, which answers, was looked after last",
    ),
)


def examine(services: Services) -> list[Finding]:
    """Everything there is to say, of what is well, too; without a database only that."""
    found = [_asked("database", services.db.ping, "It answers.", "database")]
    if found[0].well:
        found += _of_the_database(services)
    found.append(_asked("files", services.files.ready, "They can be stored and read.", "files"))
    return found


def _of_the_database(services: Services) -> Iterator[Finding]:
    yield _asked(
        "schema",
        lambda: check_schema(services.db, services.histories),
        "It is this version's.",
        "schema",
    )
    gauges = services.state.gauges()
    yield from _workers(services)
    yield from (_aged(gauges, each) for each in _AGES)
    yield from _webhooks(services)
    with services.db.reading() as session:
        clusters = session.scalars(select(LaunchCluster).order_by(LaunchCluster.name)).all()
    for cluster in clusters:
        if cluster.strays:
            text = f"The cluster {cluster.name} has {cluster.strays} objects of launches that are "
            text += "not known here."
            fix = "See which: podium launch orphans. With --delete they are deleted."
            yield Finding("launches", False, text, fix, "launches")
        if cluster.away_since is None:
            continue
        text = f"The cluster {cluster.name} does not answer. {cluster.problem}"
        fix = "Launches there stand as they stood, and go on when it answers."
        yield Finding("launches", False, text, fix, "launches")


def _workers(services: Services) -> Iterator[Finding]:
    with services.db.reading() as session:
        jobs = turns.read(session)
    if not jobs:
        yield Finding(
            "workers",
            False,
            "No worker has ever done anything.",
            "Start one: podium worker",
            "jobs",
        )
        return
    overdue = {
        gauge.labels["name"]: gauge.value
        for gauge in services.state.gauges()
        if gauge.name == "podium_job_overdue_seconds" and gauge.value > OVERDUE_SECONDS
    }
    for job in jobs:
        if job.job in overdue:
            why = f" Its last turn failed: {job.problem}" if job.problem else ""
            text = f"“{job.job}” was due {span(overdue[job.job])} ago and is not done.{why}"
            yield Finding("workers", False, text, _WORKER, "jobs")
    if not overdue:
        yield Finding("workers", True, f"All {len(jobs)} jobs are done when they are due.")


def _webhooks(services: Services) -> Iterator[Finding]:
    with services.db.reading() as session:
        hooks = session.scalars(
            select(Webhook).where(Webhook.deleted.is_(None)).order_by(Webhook.id)
        ).all()
    for hook in hooks:
        page = f"/webhooks/{hook.webhook_id}"
        if hook.status == "DISABLED" and hook.disabled_reason:
            text = f"The webhook {hook.name} is switched off: {hook.disabled_reason}"
            fix = "Mend its receiver and switch it on within three days: then nothing is missed."
            yield Finding("webhooks", False, text, fix, "webhooks", page)
        elif hook.failing_since is not None:
            text = f"The receiver of the webhook {hook.name} does not accept what it is sent."
            fix = "Its page shows what the receiver answered."
            yield Finding("webhooks", False, text, fix, "webhooks", page)


def _asked(subject: str, check: Callable[[], None], well: str, runbook: str) -> Finding:
    try:
        check()
    except PodiumError as error:  # whose message has the fix in it
        return Finding(subject, False, error.message, runbook=runbook)
    return Finding(subject, True, well)


def _aged(gauges: Sequence[Gauge], age: _Age) -> Finding:
    oldest = max((gauge.value for gauge in gauges if gauge.name == age.gauge), default=0.0)
    if oldest <= age.limit:
        return Finding(age.subject, True, age.well)
    return Finding(
        age.subject, False, f"{age.late} {span(oldest)} ago.", _WORKER, runbook=age.subject
    )


def span(seconds: float) -> str:
    """A time as people say it: 90 seconds, 12 minutes, 3 hours, 2 days."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
