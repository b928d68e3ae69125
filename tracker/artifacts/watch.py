"""What a store said when it was asked last, for who cannot wait until it answers."""

from __future__ import annotations

import threading
import time

from .base import ArtifactStore, Away

# A probe waits five seconds as a rule, and holds a thread of the server meanwhile.
_SECONDS = 2.0


class Watch:
    """Asks in a thread of its own, one question at a time, however many want to know."""

    def __init__(self, store: ArtifactStore, *, seconds: float = _SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._lock = threading.Lock()
        self._question: _Question | None = None

    def ready(self) -> None:
        """As :meth:`ArtifactStore.ready`, and :class:`Away` where that takes too long."""
        with self._lock:
            question = self._question
            if question is None or question.answered.is_set():
                question = self._question = _Question(self._store)
        question.answered.wait(max(0.0, question.begun + self._seconds - time.monotonic()))
        if not question.answered.is_set():
            waited = time.monotonic() - question.begun
            raise Away(
                f"The artifact store {self._store.whereabouts().strip()} has not answered for "
                f"{waited:.0f} seconds. Check that it is up and that the network lets it answer."
            )
        if question.problem is not None:
            raise question.problem.with_traceback(None)


class _Question:
    def __init__(self, store: ArtifactStore) -> None:
        self.begun = time.monotonic()
        self.answered = threading.Event()
        self.problem: Exception | None = None
        self._store = store
        threading.Thread(target=self._ask, name="podium-files", daemon=True).start()

    def _ask(self) -> None:
        try:
            self._store.ready()
        except Exception as error:  # noqa: BLE001  (raised again where it is asked)
            self.problem = error
        finally:
            self.answered.set()
