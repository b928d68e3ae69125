"""A page that somebody has logged, shown in a frame: its scripts draw, and can do nothing else.

The sandbox gives it an origin of its own, so it has no cookies and cannot reach the page around it;
no network, forms, windows or downloads. The page around it lets a frame go nowhere but here.
"""

from __future__ import annotations

from flask import Response
from podium.client.errors import BadRequest
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

_MAX_BYTES = 20 * 1024 * 1024
_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def framed(store: ArtifactStore, path: ArtifactPath) -> Response:
    """The file as HTML; :class:`BadRequest` for one that is no page, or too large to show."""
    if not path.name.lower().endswith((".html", ".htm")):
        raise BadRequest("'path' names a file that is no HTML: see it with the other files.")
    if (store.stat(path).file_size or 0) > _MAX_BYTES:
        raise BadRequest("'path' names a page of more than 20 MiB: download it to see it.")
    with store.open(path) as content:
        body = content.read()
    headers = {"Content-Security-Policy": _POLICY, "Cross-Origin-Resource-Policy": "same-origin"}
    return Response(body, content_type="text/html; charset=utf-8", headers=headers)
