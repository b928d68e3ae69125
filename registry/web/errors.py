"""Errors on pages: said in the page, with what to do; the REST paths keep their JSON."""

from __future__ import annotations

from flask import Flask, Response, make_response, redirect, render_template, request
from podium.client.errors import PodiumError, Unauthenticated
from podium.tracker import rest
from werkzeug.exceptions import HTTPException

from .account import login_link

_TITLES = {
    400: "That cannot be done",
    403: "Not yours to do",
    404: "Not found",
    405: "That cannot be done here",
    413: "Too large",
    429: "Too often",
    500: "Podium has failed",
    503: "Not available now",
}
# What a reader can do, after what has happened.
_ADVICE = {
    403: "An admin of it can give you a role on it.",
    404: "It may have been deleted, or not be yours to see. Look for it by its name: press Ctrl K.",
    429: "Wait a moment, then load this page again.",
    500: "Nothing was changed. Load this page again; if it fails again, report the number above.",
    503: "Load this page again in a moment. What trainings log meanwhile is not lost.",
}


def register(app: Flask) -> None:
    app.register_error_handler(PodiumError, _page_or_json)
    app.register_error_handler(HTTPException, _http_page_or_json)
    app.register_error_handler(Exception, _failure)


def _page_or_json(error: PodiumError) -> Response:
    answer = rest.refuse(error)
    if isinstance(error, Unauthenticated) and "HX-Request" in request.headers:
        answer.headers["HX-Refresh"] = "true"  # the whole page, which is then the way to sign in
        return answer
    if not _wants_page():
        return answer
    if isinstance(error, Unauthenticated) and request.method == "GET":
        return make_response(
            redirect(login_link(request.path, request.query_string.decode("latin-1")))
        )
    return _page(answer)


def _http_page_or_json(error: HTTPException) -> Response:
    answer = rest.refuse_http(error)
    return _page(answer) if _wants_page() and answer.status_code >= 400 else answer


def _failure(error: Exception) -> Response:
    answer = rest.fail(error)
    return _page(answer) if _wants_page() else answer


def _page(answer: Response) -> Response:
    """The same answer for a person."""
    status = answer.status_code
    page = make_response(
        render_template(
            "error.html",
            title=_TITLES.get(status, "That did not work"),
            message=(answer.get_json() or {}).get("message"),
            advice=_ADVICE.get(status, ""),
        )
    )
    page.status_code = status
    if "Retry-After" in answer.headers:
        page.headers["Retry-After"] = answer.headers["Retry-After"]
    return page


def _wants_page() -> bool:
    """A browser that goes somewhere asks for HTML by name; programs do not."""
    return "text/html" in request.headers.get("Accept", "")
