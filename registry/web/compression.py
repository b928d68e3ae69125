"""Pages, and what their scripts read as JSON, are sent compressed. Files never are, nor points.

The length of what is compressed tells how much of it repeats itself. Whoever can see lengths on the
network, and can have a reader's browser ask for a page with a guess in its address, learns from
them what else is on the page (BREACH). So only what our own pages or the reader himself ask for is
compressed: browsers say which site asks, to every address that is HTTPS or of this machine. The
secret of the forms is masked besides, anew on each page (``logins.masked``): a page that another
site has opened keeps itself fresh.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

_KINDS = frozenset(("text/html", "application/json"))
_ASKED_BY = frozenset(("same-origin", "none"))
_WORTH = 1000  # fewer bytes are one packet either way
# On a page of 140 kB the best takes three times as long and saves a tenth.
_LEVEL = 1


def register(app: Flask) -> None:
    @app.after_request
    def compress(response: Response) -> Response:
        if response.mimetype not in _KINDS or response.is_streamed:
            return response
        response.vary.update(("Accept-Encoding", "Sec-Fetch-Site"))
        if (
            request.headers.get("Sec-Fetch-Site") in _ASKED_BY
            and request.accept_encodings.best_match(["gzip"])
            # A file that somebody has logged brings a policy of its own.
            and "Content-Security-Policy" not in response.headers
            and (response.content_length or 0) >= _WORTH
        ):
            response.set_data(gzip.compress(response.get_data(), _LEVEL, mtime=0))
            response.content_encoding = "gzip"
        return response
