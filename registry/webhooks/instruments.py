"""What a worker counts of deliveries, for Prometheus; see ``podium.tracker.instruments``."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

ATTEMPTS = Counter("podium_webhook_attempts", "Attempts to deliver an event.", ("outcome",))
WAIT = Histogram(
    "podium_webhook_wait_seconds",
    "Time from an event to the first attempt to deliver it.",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
