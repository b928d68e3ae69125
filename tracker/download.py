"""Sending a stored file: streamed, in ranges, and never run by a browser as a page of ours."""

from __future__ import annotations

import mimetypes
from contextvars import copy_context
from urllib.parse import quote

from flask import Response, request
from werkzeug.datastructures import Range

from .artifacts.paths import ArtifactPath
from .auth.gate import refusals
from .services import Services
from .storage import digests

# Whoever may log can store HTML here. It is to be saved, not shown; and if a browser shows it all
# the same, it has no origin, no scripts and no network.
_HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# The stock client's files without a telling suffix.
_TEXT_NAMES = frozenset(("MLmodel", "MLproject"))
_TEXT_SUFFIXES = (".log", ".yaml", ".yml", ".md", ".ipynb", ".cfg", ".ini", ".toml")


def send(of: Services, path: ArtifactPath) -> Response:
    """The whole file, or the one range asked for (RFC 9110 §14); several are answered by all.

    A whole file is compared with what was uploaded; if it differs, the connection ends before it.
    """
    store = of.store
    asked, wanted = _one_range(), None
    if asked is not None:
        size = store.stat(path).file_size or 0
        wanted = asked.range_for_length(size)
        if wanted is None:
            return Response(status=416, headers={"Content-Range": f"bytes */{size}", **_HARMLESS})
    start, stop = wanted or (None, None)
    content = store.open(path, start=start, stop=stop)
    if wanted is None:
        content = digests.compared(of.db, content, path, _complaint())
    response = Response(
        iter(content),
        status=206 if wanted else 200,
        content_type=content_type(path.name),
        headers={"Accept-Ranges": "bytes", **_HARMLESS},
    )
    response.call_on_close(content.close)
    response.content_length = content.stop - content.start
    if wanted:
        response.headers["Content-Range"] = (
            f"bytes {content.start}-{content.stop - 1}/{content.size}"
        )
    response.headers.set("Content-Disposition", "attachment", **_file_name(path.name))
    return response


def _complaint() -> digests.Complain:
    """A row of the audit log, in this request's name also when its answer is on the way."""
    refused, context = refusals(), copy_context()
    return lambda place, what: context.run(refused.note, "file.damaged", f"file:{place}", what)


def _one_range() -> Range | None:
    found = request.range
    return found if found and found.units == "bytes" and len(found.ranges) == 1 else None


def _file_name(name: str) -> dict[str, str]:
    """RFC 6266: a header is Latin-1, so any other name is percent-encoded UTF-8."""
    return {"filename": name} if name.isascii() else {"filename*": f"UTF-8''{quote(name, safe='')}"}


def content_type(name: str) -> str:
    if name in _TEXT_NAMES or name.endswith(_TEXT_SUFFIXES):
        return "text/plain; charset=utf-8"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
