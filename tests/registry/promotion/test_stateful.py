"""Any order of requests, approvals, changes of rules and rollbacks: what is allowed is what a model
of a few lines allows, and nothing else ever happens.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from podium.client.errors import Conflict, PermissionDenied, PodiumError
from podium.registry import promotion, versions
from podium.registry.promotion import freezes, policies, stage_sets
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from .conftest import PEOPLE, Team, acting
from .test_concurrency import check_history
from .test_requests import set_digest

_WAYS = {"Tested": {"None", "Archived"}, "Live": {"Tested"}, "Archived": {"None", "Tested", "Live"}}
_STAGES = {
    "stages": [
        {"name": "None", "follows": []},
        {"name": "Tested", "follows": ["None", "Archived"], "held": True},
        {"name": "Live", "follows": ["Tested"], "exclusive": True},
        {"name": "Archived"},
    ]
}
NUMBERS = st.integers(1, 3)
# Who may do something, more often than who may not: most of what matters comes after.
ASKS = st.sampled_from(["ada", "bo", "bo", "cy", "root", "eve"])
AGREES = st.sampled_from(["bo", "bo", "cy", "cy", "root", "ada"])
TO = st.sampled_from(["Live", "Live", "Live", *sorted(_WAYS)])


class Promotions(RuleBasedStateMachine):
    """The model: where each version is, who asked for what, and who agreed under which basis."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        # Each step is a transaction, and what a disk does with it is not the question here.
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(dir=memory))
        shutil.copyfile(self.template, self.folder / "podium.db")
        self.db = Database(f"sqlite:///{self.folder / 'podium.db'}", pool_size=2)
        self.team = Team(self.db)
        stage_sets.set_stages(self.db, "*", _STAGES)
        self.waiting: dict[tuple[int, str], tuple[int, str]] = {}
        self.agreed: dict[tuple[int, str], dict[str, tuple[int, int]]] = {}
        self.frozen: int | None = None
        self.approvals = 0
        self.basis: dict[int, tuple[int, int]] = dict.fromkeys((1, 2, 3), (0, 0))
        self.stages = dict.fromkeys((1, 2, 3), "None")
        for _ in range(3):
            self.ask(self.team.version(), "Tested", "root")
        self.change_policy(2)
        self.ask(1, "Live", "ada")
        self.ask(2, "Live", "bo")

    def teardown(self) -> None:
        check_history(self.db, self.team.name, "Live")
        self.db.close()
        shutil.rmtree(self.folder)

    @rule(version=NUMBERS, stage=TO, who=ASKS)
    def ask(self, version: int, stage: str, who: str) -> None:
        if self.stages[version] == stage:
            return
        allowed = (
            PEOPLE[who] >= Role.EDITOR
            and self.stages[version] in _WAYS[stage]
            and self.frozen is None
        )
        with acting(who):
            found = self._try(
                promotion.promote,
                allowed,
                name=self.team.name,
                version=version,
                stage=stage,
                archive=False,
            )
        if found is None:
            return
        asked = self.waiting.setdefault((version, stage), (found.id, who))
        assert found.id == asked[0], "no second request"
        self._settle(version, stage, found)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), who=AGREES, other=AGREES)
    def agree_twice(self, data: Any, who: str, other: str) -> None:
        self.agree(data, who)
        if self.waiting:
            self.agree(data, other)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), who=AGREES)
    def agree_once(self, data: Any, who: str) -> None:
        self.agree(data, who)

    def agree(self, data: Any, who: str) -> None:
        version, stage = key = data.draw(st.sampled_from(sorted(self.waiting)))
        request, requester = self.waiting[key]
        agreed = self.agreed.setdefault(key, {})
        allowed = (
            PEOPLE[who] >= Role.APPROVER
            and who != requester
            and agreed.get(who) != self.basis[version]
            and self.stages[version] in _WAYS[stage]
            and self.frozen is None
        )
        with acting(who):
            found = self._try(promotion.approve, allowed, name=self.team.name, request_id=request)
        if found is not None:
            agreed[who] = self.basis[version]
            self._settle(version, stage, found)

    def reject(self, who: str) -> None:
        if not self.waiting:
            return
        key = min(self.waiting)
        with acting(who):
            found = self._try(
                promotion.reject,
                PEOPLE[who] >= Role.APPROVER,
                name=self.team.name,
                request_id=self.waiting[key][0],
                reason="no",
            )
        if found is not None:
            self._forget(key)

    def roll_back(self, who: str) -> None:
        """Where to is checked by the checker of the history, and by tests of its own."""
        with acting(who):
            try:
                done = promotion.roll_back(self.db, name=self.team.name, stage="Live")
            except (Conflict, PermissionDenied):
                return
        needed = Role.APPROVER if self.approvals else Role.EDITOR
        assert PEOPLE[who] >= needed
        for step in (*done.left, done.entered):
            if step is not None:
                self.stages[step.version] = step.after
                if step.after == "Live":
                    self._forget((step.version, "Live"))

    def change_policy(self, approvals: int) -> None:
        policies.set_policy(self.db, "*", "Live", {"approvals": approvals})
        self.approvals = approvals
        self.basis = {each: (digest, rev + 1) for each, (digest, rev) in self.basis.items()}

    def change_files(self, version: int) -> None:
        digest, revision = self.basis[version]
        self.basis[version] = (digest + 1, revision)
        set_digest(self.db, version, f"{digest + 1:064x}")

    def freeze_or_lift(self) -> None:
        if self.frozen is None:
            self.frozen = freezes.freeze(self.db, "*", reason="stop").id
        else:
            freezes.lift(self.db, self.frozen)
            self.frozen = None

    @rule(data=st.data(), how=st.sampled_from(["policy", "files", "freeze", "back", "reject"]))
    def disturb(self, data: Any, how: str) -> None:
        """What comes between a request and its approval: one rule, as approvals are the point."""
        if how == "policy":
            self.change_policy(data.draw(st.integers(1, 2)))
        elif how == "files":
            self.change_files(data.draw(NUMBERS))
        elif how == "freeze":
            self.freeze_or_lift()
        elif how == "back":
            self.roll_back(data.draw(AGREES))
        else:
            self.reject(data.draw(AGREES))

    @invariant()
    def the_stages_are_those_of_the_model(self) -> None:
        found = versions.search_versions(self.db, filter=f"name = '{self.team.name}'").items
        assert {each.version: each.stage for each in found} == self.stages

    def _settle(self, version: int, stage: str, found: Any) -> None:
        """By the model's own count of what is missing."""
        agreed = self.agreed.get((version, stage), {}).values()
        given = sum(basis == self.basis[version] for basis in agreed)
        enough = stage != "Live" or given >= self.approvals
        assert found.done is enough, (found, given, self.approvals)
        if not enough:
            return
        if stage == "Live":
            for other, where in self.stages.items():
                if where == "Live" and other != version:
                    self.stages[other] = "Archived"
        self.stages[version] = stage
        self._forget((version, stage))

    def _forget(self, key: tuple[int, str]) -> None:
        self.waiting.pop(key, None)
        self.agreed.pop(key, None)

    def _try(self, call: Any, allowed: bool, **arguments: Any) -> Any:
        before = len(self.team.events())
        try:
            found = call(self.db, **arguments)
        except PodiumError as error:
            assert not allowed, error
            assert len(self.team.events()) == before, "a refusal tells nobody"
            return None
        assert allowed, arguments
        return found


@pytest.mark.usefixtures("people")
def test_no_order_of_things_leads_where_it_must_not(
    sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Promotions, "template", sqlite_template, raising=False)
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Promotions,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
