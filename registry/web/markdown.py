"""Markdown that people wrote, as HTML that a page may hold: notes, descriptions, comments.

Two walls, either of which would do. The parser (CommonMark, tables and strikethrough) takes HTML
for text; what it makes is then cleaned against the list of what prose needs. Pictures become links
to them: one from elsewhere would tell its owner who reads the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

MAX_LENGTH = 20_000
"""Characters. What is longer is shown as it was written: to parse it could take seconds."""
MAX_CELLS = 10_000
"""Lines times the bars of the one that has most: so many cells a table may come to."""

_HEADINGS_BELOW = 2  # a page has its own h1, its sections h2
_CLEANER = nh3.Cleaner(
    tags={
        *("a", "blockquote", "br", "code", "em", "hr", "p", "pre", "s", "strong"),
        *("h3", "h4", "h5", "h6", "li", "ol", "ul"),
        *("table", "tbody", "td", "th", "thead", "tr"),
    },
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow noopener noreferrer",
)


@lru_cache(maxsize=256)
def markdown(text: str) -> Markup:
    """A ``div`` with ``text`` in it, safe whatever it says; a single line break is one, too."""
    if _takes_long(text):
        return Markup('<div class="prose plain">{}</div>').format(text)
    clean = _CLEANER.clean(_PARSER.render(text))
    return Markup('<div class="prose">{}</div>').format(Markup(clean))  # noqa: S704  (cleaned)


def _takes_long(text: str) -> bool:
    lines = text.splitlines()
    cells = len(lines) * max((line.count("|") for line in lines), default=0)
    return len(text) > MAX_LENGTH or cells > MAX_CELLS


def _fit_into_page(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + _HEADINGS_BELOW)}"
        elif token.children:
            token.children = list(_without_pictures(token.children))


def _without_pictures(tokens: Sequence[Token]) -> Iterator[Token]:
    within = 0
    for token in tokens:
        within += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type != "image":
            yield token
            continue
        source = str(token.attrGet("src") or "")
        text = Token("text", "", 0, content=token.content or source)
        if within:  # the link that it was in is the one
            yield text
        else:
            yield Token("link_open", "a", 1, attrs={"href": source})
            yield text
            yield Token("link_close", "a", -1)


_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True})
_PARSER.enable(["table", "strikethrough"])
_PARSER.core.ruler.push("fit_into_page", _fit_into_page)
