"""Gates whose answer comes from elsewhere. No answer is a no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from podium.client.errors import BadRequest
from podium.client.rules import shown

from .base import Facts, Outside, Verdict, finite

MAX_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class ExternalCheck:
    """A service of yours is asked and says yes: see docs/promotion.md for what it is sent."""

    kind: ClassVar[str] = "external"
    url: str
    timeout: float = 10.0

    def __post_init__(self) -> None:
        finite(self.timeout, "timeout")
        if not 0 < self.timeout <= MAX_TIMEOUT:
            raise BadRequest(f"'timeout' must be more than 0 and at most {MAX_TIMEOUT:g} seconds.")
        try:
            parts = urlsplit(self.url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise BadRequest(
                f"'url' is {shown(self.url)}: give an http(s) address without a user in it."
            )

    @property
    def words(self) -> str:
        return f"{self._who} says yes"

    def check(self, facts: Facts) -> Verdict:
        return Verdict(False, f"{self._who} was not asked.", {"url": self.url})

    def ask(self, facts: Facts, outside: Outside) -> Verdict:
        if outside.checker is None:
            return Verdict(False, f"{self._who} cannot be asked from here.", {"url": self.url})
        return outside.checker.ask(self.url, facts, timeout=self.timeout)

    @property
    def _who(self) -> str:
        return urlsplit(self.url).hostname or self.url


@dataclass(frozen=True, slots=True)
class LaunchSucceeded:
    """A launch of it to this target, as of an evaluation, has succeeded."""

    kind: ClassVar[str] = "launch"
    target: str

    @property
    def words(self) -> str:
        return f"a launch of it to {self.target} has succeeded"

    def check(self, facts: Facts) -> Verdict:
        """The newest counts, of those of the files that it has now. Of which files one was that
        began before they were read, nobody can say.
        """
        digest = facts.version.digest
        if not digest and facts.version.location:
            return Verdict(
                False, "Its files have not been read yet, so no launch is known of them."
            )
        launches = [
            (state, of)
            for target, purpose, state, of in facts.version.launches
            if target == self.target and purpose != "serve"
        ]
        states = [state for state, of in launches if of == digest]
        compared = {"target": self.target, "state": states[0] if states else ""}
        if launches and not digest and facts.version.location:
            return Verdict(
                False, "Its files have not been read yet: no launch is of them.", compared
            )
        if not states and any(not of for _, of in launches):
            began = f"Its launch to {self.target} began before its files had been read"
            return Verdict(False, f"{began}: launch it again.", compared)
        if not states:
            return Verdict(False, f"There was no launch of it to {self.target}.", compared)
        if states[0] != "SUCCEEDED":
            sentence = f"Its last launch to {self.target} is {states[0]}, not SUCCEEDED."
            return Verdict(False, sentence, compared)
        return Verdict(True, f"Its last launch to {self.target} has succeeded.", compared)
