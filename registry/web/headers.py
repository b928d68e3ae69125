"""What a browser is told about every answer of this server."""

from __future__ import annotations

from flask import Flask, Response

# Nothing but our own files, no inline script or style, and in nobody's frame. What we frame
# ourselves are pages that somebody has logged (``frames``): they bring a sandbox of their own.
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; frame-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DATA = "default-src 'none'; frame-ancestors 'none'"


def register(app: Flask) -> None:
    @app.after_request
    def protect(response: Response) -> Response:
        page = response.mimetype == "text/html"
        # A download has brought a stricter one.
        response.headers.setdefault("Content-Security-Policy", _PAGE if page else _DATA)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        if page:
            # The page is of this moment, and its theme is a cookie's.
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.update(("Cookie", "HX-Request"))
        return response
