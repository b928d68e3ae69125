"""Roles on single things, enforced where rows are read: on both kinds of database."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from podium.client.errors import NotFound, PermissionDenied
from podium.registry.app import HISTORIES
from podium.tracker import experiments, overview, runs, series
from podium.tracker.auth import accounts, grants, guard
from podium.tracker.auth.caller import Caller, CallerKind, Visit, begin, end
from podium.tracker.auth.permissions import (
    EVERYTHING,
    LOG,
    READ,
    REGISTER,
    SHARE,
    Permission,
)
from podium.tracker.auth.roles import EXPERIMENT, Guarded, Role
from podium.tracker.db import Database
from podium.tracker.models import Base, Experiment, ExperimentTag, Run
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.orm import aliased

from .conftest import As, someone

assert HISTORIES  # the registry's tables are known, too


both_kinds = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


class World:
    """Two experiments with a run in each, and a person with a role on the first."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.mine = experiments.create_experiment(db, name="mine", tags={"t": "1"}).experiment_id
        self.theirs = experiments.create_experiment(db, name="theirs").experiment_id
        self.my_run = runs.create_run(db, experiment_id=self.mine, run_name="m").run_id
        self.their_run = runs.create_run(db, experiment_id=self.theirs, run_name="t").run_id
        for run in (self.my_run, self.their_run):
            runs.log_batch(db, run, params=[("p", "1")])

    def be(self, role: Role | None, permission: Permission, everywhere: Role = Role.MEMBER) -> None:
        """From now on ask as somebody with ``role`` on the first experiment."""
        end()
        name = f"person{next(_numbers)}"
        accounts.create(self.db, name=name)
        if role is not None:
            grants.give(self.db, "experiment", self.mine, principal=name, role=role)
        with self.db.reading() as session:
            number = accounts.find(session, name).id
        who = Caller(name, CallerKind.USER, everywhere, EVERYTHING, (number,))
        begin(Visit(who, permission=permission))


_numbers = itertools.count()


@pytest.fixture
def world(db: Database) -> Iterator[World]:
    yield World(db)
    end()


@both_kinds
class TestReading:
    def test_what_is_not_his_does_not_exist(self, world: World, db: Database) -> None:
        world.be(Role.VIEWER, READ)
        assert experiments.get_experiment(db, world.mine).name == "mine"
        assert runs.get_run(db, world.my_run).params == {"p": "1"}
        for find in (
            lambda: experiments.get_experiment(db, world.theirs),
            lambda: experiments.get_experiment_by_name(db, "theirs"),
            lambda: runs.get_run(db, world.their_run),
            lambda: overview.metrics_of(db, world.their_run),
        ):
            with pytest.raises(NotFound):
                find()

    def test_forbidden_is_told_as_unknown_is(self, world: World, db: Database) -> None:
        world.be(None, READ)

        def told(find: Callable[[], object], name: str) -> str:
            with pytest.raises(NotFound) as caught:
                find()
            return caught.value.message.replace(name, "?")

        unknown = "f" * 32
        assert told(lambda: runs.get_run(db, world.my_run), world.my_run) == told(
            lambda: runs.get_run(db, unknown), unknown
        )
        assert told(lambda: experiments.get_experiment(db, world.mine), world.mine) == told(
            lambda: experiments.get_experiment(db, "999"), "999"
        )

    def test_searches_count_only_what_is_his(self, world: World, db: Database) -> None:
        world.be(Role.VIEWER, READ)
        found = experiments.search_experiments(db)
        assert [each.name for each in found.items] == ["mine"]
        both = [world.mine, world.theirs]
        listed = runs.search_runs(db, experiment_ids=both, filter="params.p = '1'")
        assert [run.run_id for run in listed.items] == [world.my_run]
        assert set(overview.activity(db, both)) == {world.mine}

    def test_pages_and_orders_by_a_metric(self, world: World, db: Database) -> None:
        from podium.client.entities import Metric

        for number, run in enumerate((world.my_run, world.their_run)):
            runs.log_batch(db, run, metrics=[Metric("loss", float(number), 1, 0)])
        world.be(Role.VIEWER, READ)
        both = [world.mine, world.theirs]
        page = runs.search_runs(
            db, experiment_ids=both, order_by=["metrics.loss DESC"], max_results=1
        )
        assert [run.run_id for run in page.items] == [world.my_run]
        assert page.next_page_token is None

    def test_charts_of_what_is_not_his_are_empty(self, world: World, db: Database) -> None:
        from podium.client.entities import Metric

        for run in (world.my_run, world.their_run):
            runs.log_batch(db, run, metrics=[Metric("loss", 1.0, 1, 0)])
        world.be(Role.VIEWER, READ)
        wanted = [series.Wanted(run, "loss") for run in (world.my_run, world.their_run)]
        assert [each.points for each in series.charts(db, wanted, width=10)] == [1, 0]

    def test_any_shape_of_a_query(self, world: World, db: Database) -> None:
        """Columns, counts, joins, aliases, subqueries, rows of tables below it."""
        world.be(Role.VIEWER, READ)
        other = aliased(Experiment)
        inner = select(Run.experiment_id).where(Run.name != "").subquery()
        mine = int(world.mine)
        for statement, expected in (
            (select(Experiment.id), [mine]),
            (select(func.count(Experiment.id)), [1]),
            (select(func.count()).select_from(Run), [1]),
            (select(Run.run_id), [world.my_run]),
            (select(other.id), [mine]),
            (select(Experiment.id).join(Run), [mine]),
            (select(Run.run_id).join(Experiment), [world.my_run]),
            (select(inner.c.experiment_id), [mine]),
            (select(ExperimentTag.value), ["1"]),
            (select(Run.name).where(Run.id.in_(select(Run.id))), ["m"]),
            (select(Experiment.id).union_all(select(Run.experiment_id)), [mine, mine]),
        ):
            with db.reading() as session:
                assert session.scalars(statement).all() == expected, str(statement)

    def test_a_role_through_a_group(self, world: World, db: Database) -> None:
        accounts.create(db, name="team", kind="group")
        grants.give(db, "experiment", world.theirs, principal="team", role=Role.VIEWER)
        with db.reading() as session:
            team = accounts.find(session, "team").id
        begin(Visit(Caller("ada", principals=(10**6, team)), permission=READ))
        assert [each.name for each in experiments.search_experiments(db).items] == ["theirs"]

    @pytest.mark.parametrize("everywhere", [Role.VIEWER, Role.EDITOR, Role.ADMIN])
    def test_a_role_on_everything(self, world: World, db: Database, everywhere: Role) -> None:
        world.be(None, READ, everywhere)
        assert len(experiments.search_experiments(db).items) == 3

    def test_nobody_sees_nothing(self, world: World, db: Database) -> None:
        begin(Visit(Caller("anonymous", CallerKind.ANONYMOUS), permission=None))
        assert experiments.search_experiments(db).items == ()


@both_kinds
class TestChanging:
    @pytest.mark.parametrize(
        ("role", "raises"),
        [
            (None, NotFound),
            (Role.VIEWER, PermissionDenied),
            (Role.EDITOR, None),
            (Role.APPROVER, None),
            (Role.ADMIN, None),
        ],
    )
    def test_it_takes_an_editor(
        self, world: World, db: Database, role: Role | None, raises: type[Exception] | None
    ) -> None:
        for change in (
            lambda: runs.log_batch(db, world.my_run, tags=[("a", "b")]),
            lambda: runs.update_run(db, world.my_run, run_name="x"),
            lambda: runs.beat(db, world.my_run, 10),
            lambda: runs.delete_run(db, world.my_run),
            lambda: runs.restore_run(db, world.my_run),
            lambda: runs.create_run(db, experiment_id=world.mine),
            lambda: experiments.set_experiment_tag(db, world.mine, "a", "b"),
            lambda: experiments.rename_experiment(db, world.mine, "renamed"),
            lambda: experiments.delete_experiment(db, world.mine),
            lambda: experiments.restore_experiment(db, world.mine),
        ):
            world.be(role, LOG)
            if raises is None:
                change()
            else:
                with pytest.raises(raises):
                    change()

    def test_a_viewer_of_everything_is_told_what_he_may_not(
        self, world: World, db: Database
    ) -> None:
        world.be(None, LOG, Role.VIEWER)
        with pytest.raises(PermissionDenied, match="not change it"):
            runs.delete_run(db, world.their_run)
        with pytest.raises(NotFound):
            runs.delete_run(db, "f" * 32)

    def test_a_viewer_of_everything_may_edit_what_he_was_given(
        self, world: World, db: Database
    ) -> None:
        world.be(Role.EDITOR, LOG, Role.VIEWER)
        runs.delete_run(db, world.my_run)

    def test_statements_that_change_many_change_his_only(self, world: World, db: Database) -> None:
        world.be(Role.EDITOR, LOG)
        with db.writing() as session:
            session.execute(update(Run).values(name="renamed"))
        end()
        assert runs.get_run(db, world.my_run).run_name == "renamed"
        assert runs.get_run(db, world.their_run).run_name == "t"

    def test_to_register_a_model_its_run_is_only_looked_at(
        self, world: World, db: Database
    ) -> None:
        world.be(Role.VIEWER, REGISTER)
        assert runs.get_run(db, world.my_run).run_name == "m"
        with pytest.raises(NotFound):
            runs.get_run(db, world.their_run)

    def test_a_run_of_somebody_else_is_not_joined(self, world: World, db: Database) -> None:
        world.be(Role.EDITOR, LOG)
        with pytest.raises(NotFound):
            runs.create_run(db, experiment_id=world.mine, run_id=world.their_run)

    def test_a_name_that_is_taken_unseen(self, world: World, db: Database) -> None:
        from podium.client.errors import AlreadyExists

        world.be(None, LOG)
        with pytest.raises(AlreadyExists):
            runs.create_run(db, experiment_name="theirs")


class TestMaking:
    def test_who_makes_it_is_its_admin(self, world: World, db: Database) -> None:
        world.be(None, LOG)
        made = experiments.create_experiment(db, name="new").experiment_id
        run = runs.create_run(db, experiment_id=made).run_id
        assert runs.get_run(db, run).experiment_id == made
        assert runs.create_run(db, experiment_name="newer").run_name
        assert len(experiments.search_experiments(db).items) == 2

    def test_a_viewer_of_everything_makes_nothing(self, world: World, db: Database) -> None:
        world.be(None, LOG, Role.VIEWER)
        with pytest.raises(PermissionDenied, match="new experiment"):
            experiments.create_experiment(db, name="new")

    def test_a_member_does_not_choose_where_its_files_are(self, world: World, db: Database) -> None:
        world.be(None, LOG)
        with pytest.raises(PermissionDenied, match="artifact_location"):
            experiments.create_experiment(
                db, name="new", artifact_location=f"mlflow-artifacts:/{world.theirs}"
            )

    def test_rights_on_a_former_bearer_of_the_id_are_over(self, world: World, db: Database) -> None:
        """SQLite gives the greatest id again when its row has gone."""
        world.be(Role.ADMIN, READ)
        end()
        with db.writing() as session:
            for each in session.scalars(select(Run)):
                session.delete(each)
            session.flush()
            session.delete(session.get_one(Experiment, int(world.mine)))
            session.flush()
            session.add(
                Experiment(
                    id=int(world.mine),
                    name="again",
                    artifact_location="",
                    lifecycle_stage="active",
                    creation_time=0,
                    last_update_time=0,
                )
            )
        assert grants.on(db, "experiment", world.mine) == []

    def test_an_insert_that_the_guard_would_not_see_is_refused(self, db: Database) -> None:
        with pytest.raises(RuntimeError, match="without RETURNING"), db.writing() as session:
            session.execute(
                insert(Experiment).values(
                    name="x", artifact_location="", creation_time=0, last_update_time=0
                )
            )


class TestSharing:
    def test_only_its_admin_gives_and_takes_roles(self, guarded: Flask) -> None:
        ada, bob = someone(guarded, "ada"), someone(guarded, "bob")
        made = ada.ok("POST", "/experiments/create", name="adas")["experiment_id"]
        thing = {"kind": "experiment", "name": made}
        assert bob.status("GET", "/experiments/get", experiment_id=made) == 404
        assert bob.status("PUT", "/api/v1/roles", **thing, principal="bob", role="viewer") == 404
        ada.ok("PUT", "/api/v1/roles", **thing, principal="bob", role="editor")
        bob.ok("POST", "/runs/create", experiment_id=made)
        assert bob.status("PUT", "/api/v1/roles", **thing, principal="bob", role="admin") == 403
        assert bob.status("GET", "/api/v1/roles", **thing) == 403
        assert ada.ok("GET", "/api/v1/roles", **thing)["roles"] == [
            {"principal": "ada", "kind": "user", "role": "admin"},
            {"principal": "bob", "kind": "user", "role": "editor"},
        ]
        ada.ok("DELETE", "/api/v1/roles", **thing, principal="bob")
        assert bob.status("GET", "/experiments/get", experiment_id=made) == 404
        assert ada.status("DELETE", "/api/v1/roles", **thing, principal="bob") == 404

    def test_it_is_recorded(self, guarded: Flask, db: Database) -> None:
        from podium.tracker import audit

        ada = someone(guarded, "ada")
        someone(guarded, "bob")
        made = ada.ok("POST", "/experiments/create", name="adas")["experiment_id"]
        thing = {"kind": "experiment", "name": made, "principal": "bob"}
        ada.ok("PUT", "/api/v1/roles", **thing, role="viewer")
        ada.ok("PUT", "/api/v1/roles", **thing, role="editor")
        ada.ok("DELETE", "/api/v1/roles", **thing)
        rows = [row for row in audit.search(db, action="role.").items if row["actor"] == "ada"]
        states = [(row["before"]["role"], row["after"]["role"]) for row in reversed(rows)]
        assert states == [("", "viewer"), ("viewer", "editor"), ("editor", "")]
        assert rows[0]["subject"] == f"experiment:{made}"

    @pytest.mark.parametrize(
        ("wrong", "status"),
        [
            ({"kind": "planet"}, 400),
            ({"kind": "model"}, 404),
            ({"name": "999"}, 404),
            ({"name": "x"}, 404),
            ({"name": "9" * 30}, 404),
            ({"principal": "nobody"}, 404),
            ({"role": "king"}, 400),
            ({"role": "member"}, 400),
        ],
    )
    def test_what_is_refused(self, guarded: Flask, wrong: dict[str, str], status: int) -> None:
        root = someone(guarded, "root", Role.ADMIN)
        body = {"kind": "experiment", "name": "0", "principal": "root", "role": "editor"}
        assert root.status("PUT", "/api/v1/roles", **(body | wrong)) == status


class TestFiles:
    """Places in the store belong to the experiment whose folder they are in."""

    @pytest.fixture
    def people(self, guarded: Flask) -> tuple[As, As, str]:
        ada, bob = someone(guarded, "ada"), someone(guarded, "bob")
        return ada, bob, ada.ok("POST", "/experiments/create", name="adas")["experiment_id"]

    def ask(self, who: As, method: str, path: str) -> int:
        answer = who.http.open(
            f"/api/2.0/mlflow-artifacts/artifacts{path}",
            method=method,
            headers=who.headers,
            data=b"x" if method == "PUT" else None,
        )
        answer.close()
        return answer.status_code

    def test_only_whose_experiment_it_is(self, people: tuple[As, As, str]) -> None:
        ada, bob, made = people
        place = f"/{made}/{'a' * 32}/artifacts/f.txt"
        assert self.ask(bob, "PUT", place) == 404
        assert self.ask(ada, "PUT", place) == 200
        for method in ("GET", "DELETE"):
            assert self.ask(bob, method, place) == 404
        assert self.ask(ada, "GET", place) == 200
        assert self.ask(bob, "GET", f"?path={made}") == 404
        assert self.ask(ada, "GET", f"?path={made}") == 200

    @pytest.mark.parametrize("path", ["?path=", "?path=.", "", "?path=0", "?path=999", "?path=x/y"])
    def test_nothing_around_it(self, people: tuple[As, As, str], path: str) -> None:
        assert self.ask(people[0], "GET", path) in (400, 404)

    def test_who_has_a_role_on_everything_has_it_outside_of_experiments(
        self, guarded: Flask
    ) -> None:
        viewer, editor = someone(guarded, "v", Role.VIEWER), someone(guarded, "e", Role.EDITOR)
        assert self.ask(viewer, "PUT", "/elsewhere/f.txt") == 404
        assert self.ask(editor, "PUT", "/elsewhere/f.txt") == 200
        assert self.ask(viewer, "GET", "/elsewhere/f.txt") == 200
        assert self.ask(viewer, "GET", "?path=") == 200

    def test_a_viewer_reads_and_does_not_write(
        self, people: tuple[As, As, str], db: Database
    ) -> None:
        ada, bob, made = people
        place = f"/{made}/f.txt"
        self.ask(ada, "PUT", place)
        grants.give(db, "experiment", made, principal="bob", role=Role.VIEWER)
        assert self.ask(bob, "GET", place) == 200
        assert self.ask(bob, "PUT", place) == 403
        assert self.ask(bob, "DELETE", place) == 403

    def test_every_experiment_that_it_is_in_must_allow_it(
        self, people: tuple[As, As, str], db: Database
    ) -> None:
        ada, _, made = people
        end()
        place = f"mlflow-artifacts:/{made}/inside"
        experiments.create_experiment(db, name="inside", artifact_location=place)
        assert self.ask(ada, "PUT", f"/{made}/f.txt") == 200
        assert self.ask(ada, "PUT", f"/{made}/inside/f.txt") == 404


class TestNothingIsForgotten:
    # Their rows are found by the number of a run, and only a run that was found has one.
    OF_RUNS = frozenset(
        "params tags metric_summaries metric_batches metric_blocks metric_writers "  # noqa: SIM905
        "dataset_inputs dataset_input_tags run_models stored_of_runs".split()
    )
    # Likewise.
    OF_LOGGED_MODELS = frozenset(
        "logged_model_params logged_model_tags logged_model_metrics "  # noqa: SIM905
        "stored_of_logged_models".split()
    )
    # For admins, for the gate, and for whoever they are about.
    OF_NOBODY = frozenset(
        "principals memberships grants tokens logins invitations sign_ins audit "  # noqa: SIM905
        "storage_totals storage_promises storage_quotas retention_policies legal_holds "
        "doomed_folders file_digests chores job_turns".split()
    )

    def test_every_table_is_guarded_or_on_this_list(self) -> None:
        found = {owner.__table__.name for below in guard._guarded().values() for owner, _ in below}
        assert found >= {"experiments", "experiment_tags", "runs"}
        assert {table.name for table in Base.metadata.sorted_tables} - found == (
            self.OF_RUNS | self.OF_LOGGED_MODELS | self.OF_NOBODY
        )

    def test_no_service_goes_round_the_classes(self) -> None:
        """A query over a table, not its class, is one that nothing narrows."""
        names = {owner.__name__ for below in guard._guarded().values() for owner, _ in below}
        root = Path(__file__).parents[3]
        found = set()
        for path in [*(root / "tracker").rglob("*.py"), *(root / "registry").rglob("*.py")]:
            for node in ast.walk(ast.parse(path.read_text())):
                table = isinstance(node, ast.Attribute) and node.attr == "__table__" and node.value
                if isinstance(table, ast.Name) and table.id in names:
                    found.add(path.name)
        assert found == {"run_files.py"}, "which counts what the caller may not see, to refuse it"

    def test_every_kind_says_what_it_needs(self) -> None:
        assert {cls.kind for cls in Guarded.__subclasses__()} >= {EXPERIMENT}
        assert EXPERIMENT.role_for(SHARE) is Role.ADMIN


def test_whoever_may_do_everything_costs_no_query(world: World, db: Database) -> None:
    """As many statements as before there were roles."""
    seen: list[Any] = []
    event.listen(db.engine, "before_cursor_execute", lambda *found: seen.append(found[2]))

    def count(role: Role, principals: tuple[int, ...]) -> list[str]:
        begin(Visit(Caller("x", role=role, principals=principals), permission=LOG))
        seen.clear()
        runs.log_batch(db, world.my_run, tags=[("a", "b")])
        return list(seen)

    admin, editor = count(Role.ADMIN, (1,)), count(Role.EDITOR, (1,))
    assert admin == editor
    assert not any("grants" in statement for statement in admin)
