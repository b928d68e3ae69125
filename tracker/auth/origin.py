"""Which web pages may speak to this server: its own, and no other.

A server on loopback is reached by every page the user's browser shows. Two doors are closed here:
a page that has its own host name resolve to 127.0.0.1 (DNS rebinding) is found out by its ``Host``,
and a page that posts to us from elsewhere (CSRF) by its ``Origin`` or ``Sec-Fetch-Site``. Programs
that are no browsers send neither and are not concerned.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from podium.client.errors import PermissionDenied
from werkzeug.wrappers import Request

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
# What Sec-Fetch-Site says of a page of ours, and of an address typed by hand.
_OUR_SITE = frozenset(("same-origin", "none"))


def check_host(request: Request, allowed: Collection[str]) -> None:
    """Refuse a request for a host name this server does not go by."""
    host = _name(request.host)
    if host not in allowed:
        raise PermissionDenied(
            f"This server does not go by the name {host[:100]!r}. Use one of {', '.join(allowed)}, "
            "or add the name to PODIUM_ALLOWED_HOSTS."
        )


def check_origin(request: Request) -> None:
    """Refuse a change that a page of another site asks for."""
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    if site not in _OUR_SITE or (origin is not None and not _is_ours(origin, request)):
        raise PermissionDenied(
            "A page of another site asked for this change. Open Podium itself and do it there."
        )


def is_from_our_page(request: Request) -> bool:
    """Whether the browser itself says so; one too old to say anything does not."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return _is_ours(origin, request)
    return request.headers.get("Sec-Fetch-Site") == "same-origin"


def require_our_page(request: Request) -> None:
    """For forms that are sent before there is a login: nobody may sign others in as himself."""
    if not is_from_our_page(request):
        raise PermissionDenied("Open the page on this server itself and send the form from there.")


def _is_ours(origin: str, request: Request) -> bool:
    """The scheme is left out: behind a proxy that ends TLS, ours is another than the browser's."""
    return origin.partition("://")[2].lower() == request.host.lower()


def _name(host: str) -> str:
    """The host of ``host[:port]``, lower case, without the brackets of an IPv6 address."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
