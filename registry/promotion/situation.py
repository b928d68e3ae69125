"""All there is to know about bringing a version to a stage, as it is in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.entities import VersionStatus
from podium.client.errors import BadRequest, Conflict
from podium.tracker.clock import now_ms
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..inspection.replaced import replaced
from ..models import ModelVersion, RegisteredModel
from ..read import find_version, versions
from ..stages import Stage, Stages
from .decision import Basis, Vote
from .facts import facts_of
from .freezes import Freeze, freeze_of
from .gates import Facts
from .locks import hold_rules
from .policies import InForce, policy_of
from .rights import role_of
from .stage_sets import is_edge, stages_of
from .tables import ApprovalRow, InspectionRow, RequestRow


@dataclass(frozen=True, slots=True)
class Situation:
    """``others`` are the versions in the target stage besides this one, the highest last: that is
    the one that clients load, and the one gates compare with. ``unread`` says that the version's
    files are yet to be read; it is empty once they are, or never will be. ``replaced`` are those
    of its files that were uploaded anew since.
    """

    version: ModelVersion
    stages: Stages
    target: Stage
    in_force: InForce
    freeze: Freeze | None
    others: Sequence[ModelVersion]
    waiting: RequestRow | None
    unread: str
    replaced: Sequence[str]
    now: int

    @property
    def holder(self) -> ModelVersion | None:
        return self.others[-1] if self.others else None

    @property
    def basis(self) -> Basis:
        return Basis(self.version.digest or "", self.in_force.revision)

    @property
    def compared_with(self) -> tuple[int, Basis, int, str]:
        """What an answer from outside was given for; it says nothing of anything else, and another
        model may have the name by now.
        """
        holder = self.holder
        if holder is None:
            return self.version.id, self.basis, 0, ""
        return self.version.id, self.basis, holder.version, holder.digest or ""

    @property
    def is_there(self) -> bool:
        return self.version.stage == self.target.name

    def has_come(self, archive: bool | None) -> bool:
        """Whether nothing is left to do: it is there, and nobody who would have to leave."""
        return self.is_there and not (self.others and self.archives(archive))

    def archives(self, asked: bool | None) -> bool:
        """Whether the others leave: the stage decides, then the policy, then who asks. Whoever says
        nothing wants it, where a stage has holders at all.
        """
        if self.target.exclusive:
            return True
        if not self.target.held:
            return bool(asked)
        if self.in_force.policy.archive is not None:
            return self.in_force.policy.archive
        return True if asked is None else asked

    def facts(self, session: Session, requester: str) -> Facts:
        return facts_of(
            session,
            self.version,
            self.holder,
            stage=self.target.name,
            now=self.now,
            requester=requester,
        )

    def refuse_what_cannot_be(self) -> None:
        """Whatever is allowed to whom: this way is none, or closed, or leads to nothing."""
        name, version = self.version.registered.name, self.version
        if version.status != VersionStatus.READY:
            raise Conflict(f"Version {version.version} of {name} is {version.status}, not READY.")
        if not self.is_there and not is_edge(self.stages, version.stage, self.target.name):
            ways = ", ".join(each for each in self.stages.table if each in self.target.follows)
            raise BadRequest(
                f"Version {version.version} of {name} is in {version.stage} and cannot go to "
                f"{self.target.name}: it must come from {ways or 'nowhere'}."
            )
        if self.freeze is not None:
            raise Conflict(
                f"Promotions of {name} to {self.target.name} are frozen until {self.freeze.end} "
                f"(freeze {self.freeze.id}, {self.freeze.author}): {self.freeze.reason}"
            )
        if self.target.held:
            refuse_replaced(version, self.replaced)

    def refuse_approval_of_unread(self) -> None:
        """An approval is for files, and would lapse as soon as it is known which they are."""
        if self.unread:
            raise Conflict(self.unread)


def refuse_replaced(version: ModelVersion, paths: Sequence[str]) -> None:
    if paths:
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
        raise Conflict(
            f"Version {version.version} of {version.registered.name} has other files than when it "
            f"was registered: {', '.join(paths[:5])}{more} came anew since. Register what is there "
            "now as a version of its own, or upload again what was."
        )


def observe(
    session: Session, name: str, version: str | int, stage: str, *, change: bool = False
) -> Situation:
    """For a ``change`` the rules and the model are locked first: all this stays as it is."""
    if change:
        hold_rules(session)
    found = find_version(session, name, version, change=change)
    name = found.registered.name
    stages = stages_of(session, name)
    target = stages.named(stage)
    now = now_ms()
    others = session.scalars(
        versions()
        .where(
            ModelVersion.model == found.model,
            ModelVersion.stage == target.name,
            ModelVersion.id != found.id,
        )
        .order_by(ModelVersion.version)
        .execution_options(populate_existing=True)
    )
    return Situation(
        version=found,
        stages=stages,
        target=target,
        in_force=policy_of(session, name, target.name),
        freeze=freeze_of(session, name, target.name, now),
        others=others.all(),
        waiting=_waiting(session, found, target.name, now),
        unread=_unread(session, found),
        replaced=replaced(session, found),
        now=now,
    )


def votes_on(session: Session, request: RequestRow, model: RegisteredModel) -> list[Vote]:
    rows = session.scalars(
        select(ApprovalRow).where(ApprovalRow.request == request.id).order_by(ApprovalRow.id)
    )
    return [
        Vote(
            row.approver,
            row.comment,
            row.created,
            Basis(row.digest, row.policy),
            role_of(session, row.approver, model),
        )
        for row in rows
    ]


def _unread(session: Session, version: ModelVersion) -> str:
    if version.digest is not None or not version.storage_location:
        return ""
    row = session.get(InspectionRow, version.id, populate_existing=True)
    if row is not None and row.status == "FAILED" and row.retry is None:
        return ""
    why = f" The last time it could not: {row.problem}" if row is not None and row.problem else ""
    return (
        f"The files of version {version.version} of {version.registered.name} have not been read "
        "yet, so there is nothing to approve. A worker reads them within seconds of the "
        f"registration: approve it then.{why}"
    )


def _waiting(session: Session, version: ModelVersion, stage: str, now: int) -> RequestRow | None:
    """The request that waits; one that is overdue does so no more, seen by the worker or not."""
    return session.scalar(
        select(RequestRow)
        .where(
            RequestRow.version == version.id,
            RequestRow.stage == stage,
            RequestRow.status == "WAITING",
            RequestRow.expires.is_(None) | (RequestRow.expires > now),
        )
        .execution_options(populate_existing=True)
    )
