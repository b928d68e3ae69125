"""What is counted in each process, for Prometheus. docs/runbooks.md says what it is good for.

Labels are the route's rule, the name of a job, the way points came: never what a caller wrote, so
that their number is bounded (tests/tracker/test_telemetry.py); nor ``job`` or ``instance``, which
are Prometheus's own. What is a fact of the database
rather than of a process is in ``state``.

A server of several processes sums them in a folder (``serve.shared_metrics``), which must be named
before this module is imported.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, Summary

REQUESTS = Histogram(
    "podium_http_request_seconds",
    "Time to answer a request, by route, method and status.",
    ("route", "method", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
IN_PROGRESS = Gauge(
    "podium_http_requests_in_progress",
    "Requests that are being answered.",
    multiprocess_mode="livesum",
)
HTTP_WAITS = Summary(
    "podium_http_wait_seconds", "Time that requests waited for a thread of the server."
)
POINTS = Counter("podium_ingest_points", "Metric points stored, by the way they came.", ("via",))
BYTES = Counter("podium_ingest_bytes", "Bytes of the bodies that brought metric points.", ("via",))
CONNECTIONS = Gauge(
    "podium_db_connections_in_use",
    "Connections to the database that a request or a job has.",
    multiprocess_mode="livesum",
)
POOL_TIMEOUTS = Counter(
    "podium_db_pool_timeouts", "Times that a request waited in vain for its turn at the database."
)
WAITS = Summary(
    "podium_db_wait_seconds", "Time that threads waited for others to come out of the database."
)
JOB_SECONDS = Summary("podium_job_seconds", "Time that turns of a worker's job took.", ("name",))
JOB_FAILURES = Counter("podium_job_failures", "Turns of a worker's job that failed.", ("name",))
