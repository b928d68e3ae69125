"""What pages have in common: their answers and their links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, make_response, redirect, render_template, request
from podium.client.errors import BadRequest, Conflict, PermissionDenied


def answer(template: str, refused: str, **values: Any) -> Response:
    """A page that a wrong filter leaves standing, with the reason beside the box."""
    page = make_response(render_template(template, refused=refused, **values))
    page.status_code = 400 if refused else 200
    return page


def attempt(act: Callable[[], str], again: Callable[[str], Response]) -> Response:
    """Do what a form asks for and go where ``act`` says, so that a reload asks for nothing.

    What is refused is said on the page that ``again`` makes with it.
    """
    try:
        onward = act()
    except (BadRequest, Conflict, PermissionDenied) as refusal:
        page = again(refusal.message)
        page.status_code = refusal.status
        return page
    return make_response(redirect(onward, 303))


def link(**query: Any) -> str:
    """This page's address with another query; what is empty is left out."""
    # The path is what it was before it was decoded: no name has a slash.
    return link_to(quote(request.path), **query)


def link_to(path: str, /, **query: Any) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path
