"""Views of an experiment's runs that somebody has given a name: a filter, an order, columns.

A view is its owner's alone, or everybody's who sees the experiment. What it shows is the query of
the page's address, as it is; the page reads it, nothing here does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    ForeignKey,
    Identity,
    String,
    Text,
    UniqueConstraint,
    false,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from . import audit
from .auth.caller import caller
from .clock import now_ms
from .db import Database, insert
from .experiments import find_experiment, parse_experiment_id
from .models import Base, RowId

MAX_NAME, MAX_QUERY, MAX_VIEWS = 100, 8000, 200


class SavedView(Base):
    """A view of an experiment's runs. ``owner`` is the number of an account, 0 for callers without;
    ``query`` is that of the page's address.
    """

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    owner: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(100))
    shared: Mapped[bool] = mapped_column(Boolean)
    query: Mapped[str] = mapped_column(Text)
    last_update_time: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        UniqueConstraint("experiment_id", "owner", "shared", "name", name="saved_views_once"),
    )


@dataclass(frozen=True, slots=True)
class View:
    id: int
    name: str
    query: str
    shared: bool


def list_views(db: Database, experiment_id: str) -> Sequence[View]:
    """The caller's own and the shared ones, by name."""
    with db.reading() as session:
        found = session.scalars(
            select(SavedView)
            .where(
                SavedView.experiment_id == parse_experiment_id(experiment_id),
                or_(SavedView.shared == true(), _mine()),
            )
            .order_by(SavedView.name, SavedView.id)
        )
        return [View(row.id, row.name, row.query, row.shared) for row in found]


def save_view(
    db: Database, experiment_id: str, *, name: str, query: str, shared: bool = False
) -> None:
    """Give a view a name; the caller's view of that name, if there is one, becomes this one."""
    name = check_text(name.strip(), "name", limit=MAX_NAME)
    if not name:
        raise BadRequest("'name' is empty: give the view a name.")
    query = check_text(query, "query", limit=MAX_QUERY)
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id).id
        _check_count(session, experiment, name)
        new = insert(session, SavedView).values(
            experiment_id=experiment,
            owner=_owner(),
            name=name,
            shared=shared,
            query=query,
            last_update_time=now_ms(),
        )
        replaced = {each: new.excluded[each] for each in ("query", "last_update_time")}
        keys = ["experiment_id", "owner", "shared", "name"]
        session.execute(new.on_conflict_do_update(index_elements=keys, set_=replaced))
        _record(session, "view.save", experiment, name, shared)


def delete_view(db: Database, experiment_id: str, view_id: int, *, shared: bool = False) -> None:
    """One of the caller's own, or with ``shared`` one that is everybody's."""
    which = SavedView.shared == true() if shared else (SavedView.shared == false()) & _mine()
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id).id
        row = session.scalar(
            select(SavedView).where(
                SavedView.id == view_id, SavedView.experiment_id == experiment, which
            )
        )
        if row is None:
            raise NotFound(f"View {view_id} not found in experiment {experiment_id}")
        session.delete(row)
        _record(session, "view.delete", experiment, row.name, shared)


def _owner() -> int:
    """Callers without an account, as on a server that asks nobody, are one."""
    return caller().id or 0


def _mine() -> ColumnElement[bool]:
    return SavedView.owner == _owner()


def _check_count(session: Session, experiment: int, name: str) -> None:
    others = (SavedView.experiment_id == experiment, SavedView.name != name, _mine())
    if len(session.scalars(select(SavedView.id).where(*others)).all()) >= MAX_VIEWS:
        raise BadRequest(f"You have saved {MAX_VIEWS} views of this experiment: delete one first.")


def _record(session: Session, action: str, experiment: int, name: str, shared: bool) -> None:
    after = {"name": name, "shared": shared}
    audit.record(session, action, f"experiment:{experiment}", after=after)
