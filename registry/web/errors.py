"""Errors on pages: said in the page, with what to do; the REST paths keep their JSON."""

from __future__ import annotations

from flask import Flask, Response, make_response, redirect, render_template, request
from podium.client.errors import PodiumError, Unauthenticated
from podium.tracker import rest
from werkzeug.exceptions import HTTPException

from .account import login_link

_TITLES = {404: "Not found", 400: "That cannot be done", 503: "Not available now"}


def register(app: Flask) -> None:
    app.register_error_handler(PodiumError, _page_or_json)
    app.register_error_handler(HTTPException, _http_page_or_json)


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
    title = _TITLES.get(error.status, "That did not work")
    page = make_response(render_template("error.html", title=title, message=error.message))
    page.status_code = answer.status_code
    if "Retry-After" in answer.headers:
        page.headers["Retry-After"] = answer.headers["Retry-After"]
    return page


def _http_page_or_json(error: HTTPException) -> Response:
    answer = rest.refuse_http(error)
    if not _wants_page() or answer.status_code < 400:
        return answer
    title = _TITLES.get(answer.status_code, "That did not work")
    page = make_response(
        render_template("error.html", title=title, message=(answer.get_json() or {}).get("message"))
    )
    page.status_code = answer.status_code
    return page


def _wants_page() -> bool:
    """A browser that goes somewhere asks for HTML by name; programs do not."""
    return "text/html" in request.headers.get("Accept", "")
