"""/login/oidc: to the OpenID Connect provider and back."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, redirect, request
from flask.blueprints import BlueprintSetupState
from podium.client.errors import NotFound, PodiumError
from podium.tracker.auth.oidc import signin
from podium.tracker.auth.oidc.provider import Provider
from podium.tracker.auth.origin import check_host
from podium.tracker.auth.permissions import PUBLIC, allow
from podium.tracker.services import services

from .account import inside, login_again, signed_in

EXTENSION = "podium_oidc"
oidc = Blueprint("oidc", __name__)


@oidc.record_once
def _register(state: BlueprintSetupState) -> None:
    settings = state.app.extensions["podium"].config.oidc
    state.app.extensions[EXTENSION] = None if settings is None else Provider(settings)


@oidc.get("/login/oidc")
@allow(PUBLIC)
def begin() -> Response:
    """A link and no form: a form's policy would not let the browser go on to the provider."""
    provider = _provider()
    onward = inside(request.args.get("next", ""))
    try:
        address, secret = signin.start(
            services().db, provider, onward=onward, redirect_uri=_way_back()
        )
    except PodiumError as error:
        return login_again(error, next=onward)
    answer = make_response(redirect(address, 303))
    answer.set_cookie(
        _cookie(),
        secret,
        max_age=signin.MINUTES * 60,
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


@oidc.get("/login/oidc/callback")
@allow(PUBLIC)
def finish() -> Response:
    provider = _provider()
    try:
        found, onward = signin.finish(
            services().db,
            provider,
            secret=request.cookies.get(_cookie(), ""),
            answer=request.args,
            redirect_uri=_way_back(),
        )
    except PodiumError as error:
        answer = login_again(error)
    else:
        answer = signed_in(found, onward)
    answer.delete_cookie(_cookie(), path="/", secure=request.is_secure, httponly=True)
    return answer


def _provider() -> Provider:
    """The way back is made of the host that was asked, so it has to be one of ours."""
    check_host(request, services().config.allowed_hosts)
    found: Provider | None = current_app.extensions[EXTENSION]
    if found is None:
        raise NotFound("People sign in with a password here: PODIUM_OIDC_ISSUER is not set.")
    return found


def _way_back() -> str:
    return f"{request.scheme}://{request.host}/login/oidc/callback"


def _cookie() -> str:
    return "__Host-podium-oidc" if request.is_secure else "podium-oidc"
