"""What every request passes before its view is called."""

from __future__ import annotations

from typing import NamedTuple, cast

from flask import Flask, Request, Response, current_app, g, request
from podium.client.errors import PermissionDenied, TooManyRequests, Unauthenticated
from werkzeug.middleware.proxy_fix import ProxyFix

from ..services import services
from . import (
    guard,  # noqa: F401  (from here on every statement is narrowed)
    logins,
)
from .authenticate import Authenticator, Known
from .caller import ANONYMOUS, LOCAL, Caller, Visit, begin, end
from .origin import check_host, check_origin, is_from_our_page
from .permissions import ADMIN, PUBLIC, SELF, SHARE, Permission, permission_of
from .refusals import Refusals
from .roles import Role
from .throttle import Buckets, Limit

EXTENSION = "podium_authenticator"
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
_FORMS = frozenset(("application/x-www-form-urlencoded", "multipart/form-data"))
CSRF_FIELD = "csrf"
MAX_FORM = 64 * 1024
_MAX_SUBJECT = 300
MAX_ADDRESS = 64  # a proxy that is trusted by mistake says whatever it was told


def register(app: Flask) -> None:
    """Check the host, the origin, who asks and whether he may, in this order."""
    config = app.extensions["podium"].config
    buckets = _buckets(config.rate_limit)
    found = app.extensions[EXTENSION] = Authenticator(app.extensions["podium"].db)
    if config.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.proxies, x_proto=config.proxies
        )

    @app.before_request
    def check() -> None:
        # Until it is known who asks, nobody does: what fails here must not run as the system.
        _begin(Known(ANONYMOUS), None)
        view = current_app.view_functions.get(request.endpoint or "")
        permission = None if view is None else permission_of(view)
        # Probes of a load balancer go to an address, not to a name.
        if permission is not PUBLIC or request.method not in _SAFE_METHODS:
            check_host(request, services().config.allowed_hosts)
        check_origin(request)
        if request.mimetype in _FORMS:
            request.max_content_length = MAX_FORM
        if view is None or permission is PUBLIC:
            return
        if permission is None:
            raise PermissionDenied(f"{request.endpoint} declares no permission, so nobody has it.")
        known = _admit(buckets) if config.auth_required else Known(LOCAL)
        _begin(known, permission)
        _check_scope(known.caller, permission)

    @app.after_request
    def note(response: Response) -> Response:
        if response.status_code == 403:
            asked = f"{request.method} {request.path}"[:_MAX_SUBJECT]
            found.refusals.note("permission.refuse", f"route:{asked}", "the answer was 403")
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        end()


class _Buckets(NamedTuple):
    """Of tokens (without one, of accounts) and of addresses, None without a limit."""

    tokens: Buckets | None
    addresses: Buckets | None
    strangers: Buckets


def _buckets(rate: float) -> _Buckets:
    strangers = Buckets(Limit(1, 100))
    if not rate:
        return _Buckets(None, None, strangers)
    # More than one program asks from one address, a whole office at times.
    return _Buckets(Buckets(Limit(rate, 10 * rate)), Buckets(Limit(2 * rate, 20 * rate)), strangers)


def _admit(buckets: _Buckets) -> Known:
    """Who asks, unless he asks too often; an address that has only wrong secrets soon does.

    Who has the right one is not slowed down by others at his address: it may be a proxy's.
    """
    try:
        known = identify()
    except Unauthenticated:
        wait = buckets.strangers.take(request.remote_addr or "")
        if wait:
            raise _too_many("requests with a wrong token or none", wait) from None
        raise
    if buckets.tokens is not None and buckets.addresses is not None:
        whose = known.caller.name
        wait = buckets.tokens.take(whose if known.token is None else f"token {known.token}")
        if wait:
            raise _too_many(f"requests of {whose}", wait)
        wait = buckets.addresses.take(request.remote_addr or "")
        if wait:
            raise _too_many("requests from your address", wait)
    return known


def _too_many(what: str, wait: float) -> TooManyRequests:
    return TooManyRequests(f"Too many {what}. Try again after a while.", retry_after=wait)


def identify() -> Known:
    """Who sent the request: by a token, a name and password, or the cookie of a login."""
    found = cast(Authenticator, current_app.extensions[EXTENSION])
    sent = request.authorization
    if sent is not None and sent.type == "bearer" and sent.token:
        return found.by_token(sent.token)
    if sent is not None and sent.type == "basic":
        return found.by_password(sent.username or "", sent.password or "")
    if "Authorization" in request.headers:
        raise Unauthenticated("The Authorization header is neither 'Bearer TOKEN' nor Basic.")
    cookie = request.cookies.get(cookie_name(request))
    if cookie:
        known = found.by_login(cookie)
        _check_form(known)
        return known
    raise Unauthenticated(
        "This server asks who you are. Set MLFLOW_TRACKING_TOKEN (or PODIUM_TRACKING_TOKEN) to a "
        "token; in a browser, sign in at /login."
    )


def refusals() -> Refusals:
    return cast(Authenticator, current_app.extensions[EXTENSION]).refusals


def cookie_name(asked: Request) -> str:
    """Under TLS one that only this host itself can set, and only under TLS."""
    return "__Host-podium" if asked.is_secure else "podium"


def csrf() -> str:
    """What all forms of this page bring along; nothing where nobody has signed in."""
    if "csrf" not in g:
        secret = cast(Known, g.known).csrf if "known" in g else b""
        g.csrf = logins.masked(secret) if secret else ""
    return cast(str, g.csrf)


def _begin(known: Known, permission: Permission | None) -> None:
    g.known = known
    address = (request.remote_addr or "")[:MAX_ADDRESS] or None
    begin(Visit(known.caller, address, g.get("request_id"), permission, known.login))


def _check_form(known: Known) -> None:
    """A cookie is sent along whoever's page asks: a change must show that it is our page."""
    if request.method in _SAFE_METHODS:
        return
    if request.mimetype in _FORMS:
        if not logins.is_masked(request.form.get(CSRF_FIELD, ""), known.csrf):
            raise PermissionDenied("The form is of another login. Load the page again.")
    elif not is_from_our_page(request):
        raise PermissionDenied(
            "A change by a browser's cookie must say which page asks. Programs use a token."
        )


def _check_scope(caller: Caller, permission: Permission) -> None:
    needed = ADMIN if permission is SHARE else permission
    if needed not in caller.scopes:
        if permission is SELF:
            raise PermissionDenied("A token cannot do this: sign in with your name and password.")
        raise PermissionDenied(
            f"The token is not for {needed!r}, only for {', '.join(sorted(caller.scopes))}. "
            "Make one that is."
        )
    if permission is ADMIN and caller.role is not Role.ADMIN:
        raise PermissionDenied(f"Only an admin may do this, and {caller.name} is none.")
