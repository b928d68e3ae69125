"""Webhooks without a network: a sender that is told what to answer, on a clock that is set."""

from __future__ import annotations

import base64
import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from podium.registry import outbox
from podium.registry.events import Event, registered_model_tag_set
from podium.registry.webhooks import hooks, queue
from podium.registry.webhooks.dispatcher import Dispatcher
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.history import Delivered, get_delivery, list_deliveries
from podium.registry.webhooks.hooks import Changes, Hook
from podium.registry.webhooks.payloads import Payload
from podium.registry.webhooks.sender import Answer, Message
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring

from ...services.receiver import Receiver, receiver

KEY = base64.urlsafe_b64encode(bytes(32)).decode()
GUARD = Guard([ipaddress.ip_network("127.0.0.0/8")])


@dataclass
class FakeSender:
    """``answers`` are by URL: a status, an answer, or what to call."""

    answers: dict[str, int | Answer | Callable[[Message], Answer]] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def session(self) -> Iterator[FakeSender]:
        yield self

    def send(self, message: Message) -> Answer:
        with self._lock:
            self.sent.append(message)
        answer = self.answers.get(message.url, 200)
        if callable(answer):
            return answer(message)
        return Answer(answer, 1) if isinstance(answer, int) else answer

    def ids(self, url: str | None = None) -> list[str]:
        return [each.headers["webhook-id"] for each in self.sent if url in (None, each.url)]


@dataclass
class Bench:
    """One worker over a database, and the clock that its queue goes by."""

    db: Database
    keyring: Keyring
    sender: FakeSender = field(default_factory=FakeSender)
    now: int = field(default_factory=now_ms)
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.db, self.sender, self.keyring, clock=lambda: self.now)

    def hook(self, name: str = "a", payload: Payload = Payload.PODIUM, **wanted: Any) -> Hook:
        changes = Changes(**({"name": name, "url": url(name)} | wanted))
        made, _ = hooks.create_signed(self.db, self.keyring, GUARD, wanted=changes, payload=payload)
        self.now = max(self.now, now_ms())
        return made

    def tell(self, *events: Event | str) -> list[str]:
        """Emit; a string stands for an event of the model it names."""
        with self.db.writing() as session:
            found = [outbox.emit(session, _event(each)) for each in events]
        self.now = max(self.now, now_ms())
        return found

    def work(self, *, later: int = 0) -> None:
        """All that is due, ``later`` ms from now."""
        self.now += later
        while queue.is_waiting(self.db, self.now):
            self.dispatcher.turn()
            self.dispatcher.finish()

    def log(self, hook: Hook) -> list[Delivered]:
        """Its deliveries, oldest first, with all their attempts."""
        page = list_deliveries(self.db, hook.webhook_id, max_results=1000)
        return [
            get_delivery(self.db, hook.webhook_id, each.delivery_id)
            for each in reversed(page.items)
        ]


def url(name: str) -> str:
    return f"https://{name}.example/hook"


def _event(told: Event | str) -> Event:
    return (
        registered_model_tag_set(name=told, key="k", value="v") if isinstance(told, str) else told
    )


@pytest.fixture
def keyring() -> Keyring:
    return Keyring([KEY])


@pytest.fixture
def bench(db: Database, keyring: Keyring) -> Bench:
    return Bench(db, keyring)


@pytest.fixture
def sqlite_bench(sqlite_url: str, keyring: Keyring) -> Iterator[Bench]:
    """For what the kind of database makes no difference to."""
    database = Database(sqlite_url, pool_size=4)
    yield Bench(database, keyring)
    database.close()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found
