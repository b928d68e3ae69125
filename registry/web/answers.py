"""What the pages that search have in common: their answer, their links, and text in a filter."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, make_response, render_template, request


def answer(template: str, refused: str, **values: Any) -> Response:
    """A page that a wrong filter leaves standing, with the reason beside the box."""
    page = make_response(render_template(template, refused=refused, **values))
    page.status_code = 400 if refused else 200
    return page


def link(**query: Any) -> str:
    """This page's address with another query; what is empty is left out."""
    path = quote(request.path)  # which is what it was before it was decoded: no name has a slash
    given = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def literal(text: str) -> str:
    """Text without its pattern characters' meaning."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def quoted(text: str) -> str:
    """A string of the search language."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
