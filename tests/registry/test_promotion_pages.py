"""The pages by which a team runs its promotions, each person signed in with a login of his own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.registry import versions
from podium.registry.app import create_app
from podium.registry.inspection import service as inspection
from podium.registry.promotion import freezes, policies, stage_sets
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, grants, logins
from podium.tracker.auth.caller import end
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import Principal
from podium.tracker.config import Config
from podium.tracker.db import Database
from sqlalchemy import select
from werkzeug.test import TestResponse

from .conftest import elements
from .inspection.test_inspection import MLMODEL, put
from .promotion.conftest import PEOPLE, Team

HOSTILE = "<script>alert(1)<\\script>\"'&%2e%2e?#;x y"
PRODUCTION = {
    "approvals": 1,
    "gates": [{"gate": "metric_vs_holder", "metric": "acc", "within_percent": 1}],
}


class Forms(HTMLParser):
    """What a browser would post of each form of a page: its address and its fields."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self._posted = False
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._posted = told.get("method") == "post"
            if self._posted:
                self.found.append((told.get("action", ""), {}))
        elif not self._posted:
            return
        elif tag in ("input", "textarea") and told.get("type") != "checkbox":
            self.found[-1][1][told["name"]] = told.get("value", "")
        elif tag == "select":
            self._select = told["name"]
        elif tag == "option" and "disabled" not in told:
            fields = self.found[-1][1]
            if "selected" in told or self._select not in fields:
                fields[self._select] = told.get("value", "")


class Person:
    """Somebody before a browser."""

    def __init__(self, app: Flask, db: Database, name: str) -> None:
        with db.reading() as session:
            account = session.scalars(select(Principal.id).where(Principal.name == name)).one()
        self.http: FlaskClient = app.test_client()
        self.http.environ_base["HTTP_ACCEPT"] = "text/html"
        self.http.set_cookie("podium", logins.begin(db, account, browser="a test"))

    def see(self, path: str, status: int = 200) -> str:
        answer = self.http.get(path)
        html = answer.get_data(as_text=True)
        assert answer.status_code == status, html
        return html

    def press(self, path: str, ending: str, /, **typed: str) -> TestResponse:
        """Send the form of a page whose address ends so, as it is but for what is typed."""
        forms = Forms(self.see(path)).found
        fitting = [
            (address, fields)
            for address, fields in forms
            if address.endswith(ending) and fields.get("version", "") in typed.get("version", "")
        ] or [each for each in forms if each[0].endswith(ending)]
        assert fitting, f"{path} has no form for {ending}, but {[each[0] for each in forms]}"
        address, fields = fitting[0]
        return self.http.post(address, data=fields | typed)

    def force(self, path: str, **typed: str) -> TestResponse:
        """What no page offers: with the secret of this login all the same."""
        [secret] = {fields["csrf"] for _, fields in Forms(self.see("/account")).found}
        return self.http.post(path, data={"csrf": secret, **typed})


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    found = Database(sqlite_url, pool_size=2)
    yield found
    found.close()


@pytest.fixture
def app(db: Database, store: ArtifactStore, sqlite_url: str) -> Flask:
    return create_app(Config(sqlite_url, "unused", auth_required=True), db=db, store=store)


@pytest.fixture
def team(db: Database) -> Iterator[Team]:
    """Two versions, the second a point better; version 1 is in Production."""
    for name in PEOPLE:
        accounts.create(db, name=name, role=Role.ADMIN if name == "root" else Role.MEMBER)
    found = Team(db, HOSTILE)
    for name, role in PEOPLE.items():
        grants.give(db, "model", HOSTILE, principal=name, role=role)
        grants.give(db, "experiment", "0", principal=name, role=Role.VIEWER)
    found.version(metrics={"acc": 0.9}, params={"lr": "0.1", "same": HOSTILE})
    found.version(metrics={"acc": 0.91}, params={"lr": HOSTILE, "same": HOSTILE})
    versions.transition_version(db, HOSTILE, 1, stage="Production")
    policies.set_policy(db, "*", "Production", PRODUCTION)
    yield found
    end()


@pytest.fixture
def people(app: Flask, team: Team) -> dict[str, Person]:
    return {name: Person(app, team.db, name) for name in PEOPLE}


MODEL = "/models/" + quote(HOSTILE, safe="()'&;")
REQUEST = f"{MODEL}/requests/2"  # the first brought version 1 where it is


def said(html: str) -> str:
    """The text of a page, without its tags."""
    return " ".join(text for _, text in elements(html).texts)


def alerts(html: str) -> int:
    return len([each for each in elements(html).found if each[1].get("role") == "alert"])


def ask(person: Person) -> None:
    answer = person.press(MODEL, "/promotions", version="2", stage="Production", comment=HOSTILE)
    assert (answer.status_code, answer.location) == (303, REQUEST)


def test_promote_approve_and_take_back(team: Team, people: dict[str, Person]) -> None:
    ada, bo = people["ada"], people["bo"]
    ask(ada)
    board = said(ada.see(MODEL))
    assert "1 request waits" in board
    assert "It needs 1 approval by the role approver; none of them is given." in board
    assert "acc is 0.91; version 1 in Production has 0.9, higher is better" in board
    page = ada.see(REQUEST)
    assert "Request 2 is your own: somebody else has to approve it." in said(page)
    assert not [each for each in Forms(page).found if each[0].endswith("/approve")]
    assert bo.press(REQUEST, "/comments", comment="Which night?").status_code == 303
    done = bo.press(REQUEST, "/approve", comment="Go on")
    assert (done.status_code, done.location) == (303, REQUEST)
    assert team.stage_of(2) == "Production"
    page = said(bo.see(REQUEST))
    for text in ("done", "Which night?", "Go on", "counts", "Had to leave", "passed"):
        assert text in page, text
    assert "Decide" not in page
    history = f"{MODEL}/history"
    assert "Version 2 leaves Production, and version 1 comes back" in said(bo.see(history))
    back = bo.press(history, "/rollbacks", comment="It was worse by day")
    assert (back.status_code, back.location) == (303, history)
    assert (team.stage_of(1), team.stage_of(2)) == ("Production", "Archived")
    history_now = said(bo.see(history))
    for text in ("rolled back", "taken back", "replaced", "It was worse by day"):
        assert text in history_now, text
    assert "rolled back" in said(bo.see(f"{MODEL}/versions/1"))
    assert "done" in said(bo.see(f"{MODEL}/requests?status=DONE"))
    assert "No request is like this" in bo.see(f"{MODEL}/requests?status=WAITING")


def test_what_needs_nobody_is_done_at_once(team: Team, people: dict[str, Person]) -> None:
    done = people["ada"].press(f"{MODEL}/versions/2", "/promotions", stage="Staging")
    assert (done.status_code, done.location) == (303, MODEL)
    assert team.stage_of(2) == "Staging"
    third = team.version()
    answer = people["ada"].press(
        MODEL, "/promotions", version=str(third), stage="Staging", keep="on"
    )
    assert answer.status_code == 303
    assert (team.stage_of(2), team.stage_of(third)) == ("Staging", "Staging")


def test_rejected_withdrawn_overridden(team: Team, people: dict[str, Person]) -> None:
    ask(people["ada"])
    assert people["bo"].press(REQUEST, "/reject", reason=HOSTILE).status_code == 303
    page = people["ada"].see(REQUEST)
    assert "rejected" in said(page)
    ask_again = people["ada"].press(MODEL, "/promotions", version="2", stage="Production")
    assert ask_again.location == f"{MODEL}/requests/3"
    assert people["ada"].press(f"{MODEL}/requests/3", "/withdraw").status_code == 303
    assert "withdrawn" in said(people["ada"].see(f"{MODEL}/requests/3"))
    people["ada"].press(MODEL, "/promotions", version="2", stage="Production")
    fourth = f"{MODEL}/requests/4"
    assert "to override a policy takes the role admin" in said(people["bo"].see(fourth))
    assert (
        people["root"].press(fourth, "/override", reason="The old one is down").status_code == 303
    )
    assert team.stage_of(2) == "Production"
    assert "Overridden:" in said(people["ada"].see(fourth))


def test_a_refusal_is_a_sentence_on_the_page(team: Team, people: dict[str, Person]) -> None:
    ada, bo = people["ada"], people["bo"]
    ask(ada)
    blank = bo.press(REQUEST, "/reject", reason=" ")
    assert blank.status_code == 400
    assert "'reason' is blank" in said(blank.get_data(as_text=True))
    stale = bo.press(REQUEST, "/approve", digest="0" * 64, comment="Typed and kept")
    assert stale.status_code == 409
    html = stale.get_data(as_text=True)
    assert alerts(html) == 1
    assert "are not those you have looked at" in said(html)
    assert "Typed and kept" in html
    no_stage = ada.press(MODEL, "/promotions", version="2", stage="Nirvana", comment="Kept, too")
    assert no_stage.status_code == 400
    html = no_stage.get_data(as_text=True)
    assert "Invalid Model Version stage" in said(html)
    assert "Kept, too" in html
    # The page that a refusal comes with leads where the page itself does.
    links = [each.get("href") for each in elements(html).tags("a")]
    assert f"{MODEL}?stage=Staging" in links
    on_version = ada.press(f"{MODEL}/versions/2", "/promotions", stage="Nirvana")
    assert f"{HOSTILE}, version 2" in said(on_version.get_data(as_text=True))
    assert ada.press(f"{MODEL}/versions/2", "/comments", comment=" ").status_code == 400
    # Somebody else was faster: two who press at once go one step.
    twice = bo.force(f"{MODEL}/rollbacks", version="2", stage="Production", comment="Kept")
    assert twice.status_code == 409
    assert "is not what Production would lose" in said(twice.get_data(as_text=True))
    assert team.stage_of(1) == "Production"


def test_what_no_page_offers_is_refused(team: Team, people: dict[str, Person]) -> None:
    ask(people["ada"])
    own = people["root"].force(f"{MODEL}/promotions", version="2", stage="Production")
    assert own.status_code == 303
    for who, path, typed in (
        ("eve", f"{MODEL}/promotions", {"version": "2", "stage": "Staging"}),
        ("ada", f"{REQUEST}/approve", {}),
        ("ada", f"{REQUEST}/override", {"reason": "now"}),
        ("bo", f"{REQUEST}/override", {"reason": "now"}),
        ("bo", f"{REQUEST}/withdraw", {}),
        ("ada", f"{MODEL}/freezes", {"reason": "x"}),
        ("eve", f"{MODEL}/rollbacks", {"stage": "Production"}),
        ("ada", f"{MODEL}/rollbacks", {"stage": "Production"}),
    ):
        answer = people[who].force(path, **typed)
        assert answer.status_code == 403, (who, path, answer.get_data(as_text=True))
        assert "Traceback" not in answer.get_data(as_text=True)
    assert (team.stage_of(1), team.stage_of(2)) == ("Production", "None")
    forged = people["bo"].http.post(f"{REQUEST}/approve", data={"csrf": "x"})
    assert forged.status_code == 403
    board = people["eve"].see(MODEL)
    assert "to promote takes the role editor" in said(board)
    assert [each for each in Forms(board).found if each[0].endswith("/promotions")] == []


def test_what_people_have_written_is_text(
    team: Team, people: dict[str, Person], store: ArtifactStore
) -> None:
    put(team, store, 2, "MLmodel", MLMODEL)
    put(team, store, 2, "<script>x.pkl", b"cos\nsystem\n(S'x'\ntR.")
    inspection.inspect_new(team.db, store)
    ask(people["ada"])
    people["bo"].press(REQUEST, "/comments", comment=HOSTILE)
    people["bo"].press(f"{MODEL}/versions/2", "/comments", comment=HOSTILE)
    people["bo"].press(REQUEST, "/approve", comment=HOSTILE)
    freezes.freeze(team.db, HOSTILE, reason=HOSTILE)
    required = {"gates": [{"gate": "required", "tags": {HOSTILE: HOSTILE}}]}
    policies.set_policy(team.db, HOSTILE, "Staging", required)
    for path in (
        *(MODEL, f"{MODEL}/requests", f"{REQUEST}?all=1", f"{MODEL}/versions/2", "/policies"),
        f"{MODEL}/history?stage=%3Cscript%3E&at=2026-01-01",
    ):
        html = people["root"].see(path)
        scripts = elements(html).tags("script")
        assert all(each.get("src", "").startswith("/static/") for each in scripts), path
        assert html.count("<script") == len(scripts) == 1, path
        assert "&lt;script&gt;" in html, path
    assert "unsafe" in said(people["root"].see(f"{MODEL}/versions/2"))


def test_how_it_differs_from_the_holder(
    team: Team, people: dict[str, Person], store: ArtifactStore
) -> None:
    for version, content in ((1, MLMODEL), (2, MLMODEL.replace(b"double", b"long"))):
        put(team, store, version, "MLmodel", content)
    inspection.inspect_new(team.db, store)
    ask(people["ada"])

    def rows(query: str) -> list[str]:
        html = people["ada"].see(f"{REQUEST}{query}")
        table = html[html.index('id="diff"') : html.index('id="comments"')]
        return re.findall(r'<th scope="row">(?:<strong>)?([^<]+)', table)

    assert rows("") == ["lr", "acc", "inputs.x", "MLmodel"]
    assert rows("?all=1")[:3] == ["lr", "same", "acc"]
    report = said(people["ada"].see(f"{MODEL}/versions/2"))
    assert "clean" in report
    assert "1 file," in report


def test_who_held_a_stage(team: Team, people: dict[str, Person]) -> None:
    eve, history = people["eve"], f"{MODEL}/history"
    assert "had been in Production since" in said(eve.see(f"{history}?stage=production"))
    assert "Nobody held" in said(eve.see(f"{history}?stage=Production&at=2020-01-01T00:00:00"))
    assert "had been in" in said(eve.see(f"{history}?stage=Production&at=2100-01-01T00:00"))
    for wrong in ("yesterday", "2026-13-01"):
        html = eve.see(f"{history}?stage=Production&at={wrong}", status=400)
        assert "as in 2026-05-03T12:00" in said(html)
        assert alerts(html) == 1
    assert "page token" in eve.see(f"{history}?page=x", status=400)
    nothing = Team(team.db, "nothing")
    grants.give(team.db, "model", nothing.name, principal="eve", role=Role.VIEWER)
    assert 'client.promote("nothing"' in said(eve.see("/models/nothing/history"))
    assert 'client.promote("nothing"' in said(eve.see("/models/nothing/requests"))


def test_a_freeze_from_its_button_to_its_end(team: Team, people: dict[str, Person]) -> None:
    root, ada, history = people["root"], people["ada"], f"{MODEL}/history"
    for hours, says in (("x", "'hours' is"), ("-1", "'until' must be"), ("inf", "'hours' is")):
        wrong = root.press(history, "/freezes", reason="Kept", hours=hours)
        assert wrong.status_code == 400, hours
        assert says in said(wrong.get_data(as_text=True))
        assert ">Kept</textarea>" in wrong.get_data(as_text=True)
    made = root.press(
        history, "/freezes", reason="End of the quarter", hours="1.5", stage="Staging"
    )
    assert made.status_code == 303
    [frozen] = freezes.list_freezes(team.db)
    assert frozen.until is not None
    for page in (MODEL, history):
        assert "End of the quarter" in said(ada.see(page))
    assert "Staging (frozen)" in said(ada.see(MODEL))
    assert not [each for each in Forms(ada.see(history)).found if "/freezes" in each[0]]
    refused = ada.press(MODEL, "/promotions", version="2", stage="Staging")
    assert refused.status_code == 409
    assert "are frozen until" in said(refused.get_data(as_text=True))
    freezes.freeze(team.db, "*", reason="Everything stands")
    assert "Wherever it may go is frozen." in said(ada.see(MODEL))
    for _ in range(2):
        assert root.press(history, "/lift").status_code == 303
    assert freezes.list_freezes(team.db) == []
    assert root.force(f"{history[:-7]}freezes/1/lift").status_code == 404


def test_the_rules_in_words(team: Team, people: dict[str, Person]) -> None:
    page = said(people["root"].see("/policies"))
    for text in (
        "1 approval by the role approver",
        "acc is at most 1 % worse than the holder's (higher is better)",
        "336 hours",
        "as who asks says",
        "Every model has MLflow's four",
    ):
        assert text in page, text
    policies.delete_policy(team.db, "*", "Production")
    assert "curl -X PUT http://localhost/api/v1/models/fraud-*/policies/Production" in (
        people["root"].see("/policies")
    )
    stages = [{"name": "None"}, {"name": "Live", "exclusive": True, "follows": ["None"]}]
    stage_sets.set_stages(team.db, "fraud-*", {"stages": [*stages, {"name": "Gone"}]})
    page = said(people["root"].see("/policies"))
    assert "leave for Gone, always" in page
    people["ada"].see("/policies", status=403)
    assert "/policies" not in [
        each["href"] for each in elements(people["ada"].see("/models")).tags("a") if "href" in each
    ]
