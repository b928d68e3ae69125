"""/people: accounts and groups, for admins."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request
from podium.client.errors import PodiumError
from podium.tracker.auth import accounts, invitations
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.auth.roles import Role
from podium.tracker.services import services

people = Blueprint("people", __name__, url_prefix="/people")


@people.get("")
@allow(ADMIN)
def page() -> str:
    return _page()


@people.post("")
@allow(ADMIN)
def create() -> Response:
    try:
        accounts.create(
            services().db,
            name=request.form.get("name", ""),
            kind=request.form.get("kind", accounts.USER),
            role=Role.parse(request.form.get("role", "")),
        )
    except PodiumError as error:
        answer = make_response(_page(refused=error.message))
        answer.status_code = error.status
        return answer
    return _back()


@people.post("/<name>")
@allow(ADMIN)
def update(name: str) -> Response:
    role = request.form.get("role")
    accounts.update(
        services().db,
        name,
        role=None if role is None else Role.parse(role),
        active={"on": True, "off": False}.get(request.form.get("state", "")),
    )
    return _back()


@people.post("/<name>/members")
@allow(ADMIN)
def set_members(name: str) -> Response:
    accounts.set_members(services().db, name, request.form.get("members", "").split())
    return _back()


@people.post("/<name>/invite")
@allow(ADMIN)
def invite(name: str) -> str:
    """The page that is answered is the only one that ever shows the link."""
    link = invitations.link(invitations.for_account(services().db, name))
    return _page(invited=name, link=request.host_url.rstrip("/") + link)


def _page(refused: str = "", invited: str = "", link: str = "") -> str:
    return render_template(
        "people.html",
        people=accounts.everybody(services().db),
        roles=[role.label for role in Role],
        kinds=(accounts.USER, accounts.SERVICE, accounts.GROUP),
        refused=refused,
        invited=invited,
        link=link,
        hours=invitations.HOURS,
    )


def _back() -> Response:
    return make_response(redirect("/people", 303))
