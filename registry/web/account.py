"""/login, /welcome and /account: signing in, and what a person keeps in order himself."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, redirect, render_template, request
from podium.client.errors import BadRequest, PodiumError
from podium.tracker.auth import accounts, invitations, logins, tokens
from podium.tracker.auth.gate import cookie_name, refusals
from podium.tracker.auth.origin import require_our_page
from podium.tracker.auth.permissions import PUBLIC, SCOPES, SELF, allow
from podium.tracker.services import services

account = Blueprint("account", __name__)


@account.get("/login")
@allow(PUBLIC)
def login() -> str:
    onward = inside(request.args.get("next", ""))
    return render_template("login.html", next=onward, provider=services().config.oidc)


@account.post("/login")
@allow(PUBLIC)
def sign_in() -> Response:
    require_our_page(request)
    name, onward = request.form.get("name", ""), inside(request.form.get("next", ""))
    try:
        password = request.form.get("password", "")
        found = logins.check_password(services().db, name, password, refusals())
    except PodiumError as error:
        return login_again(error, name=name, next=onward)
    return signed_in(found.id, onward)


@account.get("/welcome")
@allow(PUBLIC)
def welcome() -> str:
    key = request.args.get("key", "")
    return render_template("welcome.html", key=key, name=invitations.whose(services().db, key))


@account.post("/welcome")
@allow(PUBLIC)
def accept() -> Response:
    require_our_page(request)
    key, name = request.form.get("key", ""), request.form.get("name", "")
    try:
        made = invitations.accept(
            services().db, key, name=name, password=request.form.get("password", "")
        )
    except BadRequest as error:
        whose = invitations.whose(services().db, key)
        return _again("welcome.html", error, key=key, name=whose, chosen=name)
    return signed_in(made, "/experiments")


@account.post("/logout")
@allow(SELF)
def logout() -> Response:
    logins.end_current(services().db)
    answer = _to("/login")
    answer.delete_cookie(cookie_name(request), path="/", secure=request.is_secure)
    return answer


@account.get("/account")
@allow(SELF)
def page() -> str:
    return _page()


@account.post("/account/tokens")
@allow(SELF)
def create_token() -> str:
    """The page that is answered is the only one that ever shows it."""
    days = request.form.get("days", "")
    if not days.isascii() or not days.isdigit():
        raise BadRequest("'days' must be a whole number; 0: the token never expires.")
    secret, _ = tokens.create(
        services().db,
        accounts.own_name(),
        name=request.form.get("name", ""),
        scopes=request.form.getlist("scope"),
        days=int(days[:9]) or None,
    )
    return _page(secret)


@account.post("/account/tokens/<int:token_id>/revoke")
@allow(SELF)
def revoke_token(token_id: int) -> Response:
    tokens.revoke(services().db, accounts.own_name(), token_id)
    return _to("/account")


@account.post("/account/logins/<int:login_id>/end")
@allow(SELF)
def end_login(login_id: int) -> Response:
    logins.end(services().db, login_id)
    return _to("/account")


@account.post("/account/password")
@allow(SELF)
def change_password() -> Response:
    """It ends all logins, this one among them."""
    accounts.change_password(
        services().db, old=request.form.get("old", ""), new=request.form.get("password", "")
    )
    return _to("/login")


def _page(secret: str = "") -> str:
    db = services().db
    found = tokens.of(db, accounts.own_name())
    return render_template(
        "account.html",
        account=accounts.get(db, accounts.own_name()),
        tokens=[each for each in found if each.works],
        logins=logins.own(db),
        scopes=SCOPES,
        usual=tokens.DEFAULT_SCOPES,
        days=tokens.DEFAULT_DAYS,
        secret=secret,
    )


def signed_in(principal: int, onward: str) -> Response:
    """Onward, with the cookie of a new login."""
    browser = request.headers.get("User-Agent", "")
    answer = _to(onward)
    answer.set_cookie(
        cookie_name(request),
        logins.begin(services().db, principal, browser=browser),
        max_age=logins.DAYS * 24 * 3600,
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


def login_again(error: PodiumError, **values: object) -> Response:
    """The page to sign in, which says why it did not work."""
    return _again("login.html", error, provider=services().config.oidc, **values)


def _again(template: str, error: PodiumError, **values: object) -> Response:
    answer = make_response(render_template(template, refused=error.message, **values))
    answer.status_code = error.status
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return answer


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))


def login_link(path: str, query: str) -> str:
    """Where to sign in, and come back to this address."""
    onward = f"{path}?{query}" if query else path
    return "/login" if onward == "/" else f"/login?{urlencode({'next': onward})}"


def inside(path: str) -> str:
    """A path of this server; what a browser could take for another one's address is not."""
    plain = path.isprintable() and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and "\\" not in path else "/experiments"
