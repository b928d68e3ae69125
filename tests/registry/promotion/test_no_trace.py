"""Whatever is refused leaves its reason in the audit log, and nothing else in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from podium.client.errors import BadRequest, Conflict, PermissionDenied, PodiumError
from podium.client.promotion import Promotion
from podium.registry import promotion
from podium.registry.models import Base
from podium.registry.promotion import freezes, stage_sets
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from .conftest import Team, acting
from .test_requests import PRODUCTION, approve, asked, set_policy

STAGES = {
    "stages": [{"name": "None", "follows": []}, {"name": PRODUCTION, "held": True}, {"name": "Old"}]
}


class Scene:
    """Version 1 is in Production; 2, which bo wants there, waits for a second approval, and 3 for
    its files to be read. Nothing goes to Old.
    """

    def __init__(self, team: Team, people: dict[str, Role]) -> None:
        self.team, self.people = team, people
        stage_sets.set_stages(team.db, "*", STAGES)
        asked(team, team.version())
        set_policy(team, approvals=2)
        self.request = asked(team, team.version(), who="bo")
        approve(team, self.request, "cy")
        self.unread = asked(team, team.version(read=False))
        freezes.freeze(team.db, "*", stage="Old", reason="audit")

    def approve(self, who: str, request: Promotion | None = None, **more: Any) -> object:
        return approve(self.team, request or self.request, who, **more)

    def approve_for_who_has_left(self) -> object:
        self.people["bo"] = Role.VIEWER
        return self.approve("root")

    def close(self, how: str, who: str) -> object:
        with acting(who):
            return getattr(promotion, how)(
                self.team.db, name=self.team.name, request_id=self.request.id, reason="because"
            )

    def roll_back(self, who: str) -> object:
        with acting(who):
            return promotion.roll_back(self.team.db, name=self.team.name, stage=PRODUCTION)


REFUSED: dict[str, tuple[Callable[[Scene], object], type[PodiumError], str, str]] = {
    "unknown stage": (
        lambda scene: asked(scene.team, 1, stage="Nowhere"),
        BadRequest,
        "version.promote",
        "Invalid Model Version stage",
    ),
    "no way": (
        lambda scene: asked(scene.team, 1, stage="None"),
        BadRequest,
        "version.promote",
        "cannot go to None",
    ),
    "no role": (
        lambda scene: asked(scene.team, 2, who="eve"),
        PermissionDenied,
        "version.promote",
        "takes the role editor",
    ),
    "no role to override": (
        lambda scene: asked(scene.team, 2, who="bo", override="because"),
        PermissionDenied,
        "version.promote",
        "takes the role admin",
    ),
    "a freeze": (
        lambda scene: asked(scene.team, 1, stage="Old"),
        Conflict,
        "version.promote",
        "are frozen",
    ),
    "one's own": (
        lambda scene: scene.approve("bo"),
        PermissionDenied,
        "request.approve",
        "is your own",
    ),
    "other files": (
        lambda scene: scene.approve("root", digest="a" * 64),
        Conflict,
        "request.approve",
        "not those you have looked at",
    ),
    "unread files": (
        lambda scene: scene.approve("root", scene.unread),
        Conflict,
        "request.approve",
        "have not been read",
    ),
    "no approver": (
        lambda scene: scene.approve("ada"),
        PermissionDenied,
        "request.approve",
        "takes the role approver",
    ),
    "a second time": (
        lambda scene: scene.approve("cy"),
        Conflict,
        "request.approve",
        "You have approved",
    ),
    "a requester who has left": (
        Scene.approve_for_who_has_left,
        PermissionDenied,
        "request.approve",
        "bo, who asked for this",
    ),
    "a request overridden by no admin": (
        lambda scene: scene.close("override", "cy"),
        PermissionDenied,
        "request.override",
        "takes the role admin",
    ),
    "a request rejected by no approver": (
        lambda scene: scene.close("reject", "ada"),
        PermissionDenied,
        "request.reject",
        "takes the role approver",
    ),
    "somebody else's withdrawn": (
        lambda scene: scene.close("withdraw", "cy"),
        PermissionDenied,
        "request.withdraw",
        "is bo's",
    ),
    "taken back by no approver": (
        lambda scene: scene.roll_back("ada"),
        PermissionDenied,
        "version.roll_back",
        "takes the role approver",
    ),
    "nothing to take back to": (
        lambda scene: scene.roll_back("root"),
        Conflict,
        "version.roll_back",
        "there is no way back",
    ),
}


def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows that the registry has, by table; the audit log is the tracker's."""
    with db.reading() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
            for table in Base.metadata.sorted_tables
        }


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_leaves_its_reason_and_nothing_else(
    team: Team, people: dict[str, Role], what: str
) -> None:
    refused, error, action, reason = REFUSED[what]
    scene = Scene(team, people)
    rows, before = len(team.audited()), everything(team.db)
    with pytest.raises(error, match=reason):
        refused(scene)
    assert everything(team.db) == before
    assert len(team.audited()) == rows + 1
    [(_, found, told)] = team.refusals()
    assert found == f"{action}.refused"
    assert reason in told
