"""Markdown: what people write is shown as they meant it, and nothing of it runs."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from podium.registry.web import markdown as module
from podium.registry.web.markdown import MAX_LENGTH, markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "![x](https://spy.example/pixel.png)",
    '![x" onerror="alert(1)](x)',
    '[x](/y "a\\" onmouseover=\\"alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    '```"><img src=x onerror=alert(1)>\ncode\n```',
    "<!--><script>alert(1)</script>-->",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "|<img src=x onerror=alert(1)>|\n|-|\n|`<svg/onload=alert(1)>`|",
    "<form action=/logout><input name=csrf>",
    "<base href=//evil.example>",
]
ALLOWED = {"href", "title", "rel", "start", "class"}


class _Parts(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def check_harmless(html: str) -> None:
    [(outer, first), *rest] = _Parts(html).tags
    assert outer == "div"
    assert (first["class"] or "").startswith("prose")
    for tag, attributes in rest:
        assert tag not in {
            "script",
            "img",
            "svg",
            "style",
            "form",
            "input",
            "base",
            "iframe",
            "div",
        }
        assert set(attributes) <= ALLOWED - {"class"}
        href = attributes.get("href") or ""
        scheme = re.match(r"[\x00-\x20]*([a-z][a-z0-9+.-]*):", href, re.IGNORECASE)
        assert scheme is None or scheme[1] in {"http", "https", "mailto"}


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_it_runs(text: str) -> None:
    check_harmless(markdown(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_would_it_if_the_parser_let_html_through(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second wall, alone."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    monkeypatch.setattr(module, "_PARSER", parser)
    check_harmless(markdown.__wrapped__(text))


@given(st.lists(st.sampled_from([*HOSTILE, "*", "`", "|", "\n", "[", "](", ")", "<", " x "])))
def test_nor_does_any_mixture(parts: list[str]) -> None:
    check_harmless(markdown("".join(parts)))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title", "<h3>Title</h3>"),
        ("###### Small", "<h6>Small</h6>"),
        ("two\nlines", "two<br>\nlines"),
        ("~~no~~ **yes**", "<s>no</s> <strong>yes</strong>"),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
        ("![plot](https://x.example/p.png)", ">plot</a>"),
        ("[![plot](p.png)](/runs)", '<a href="/runs" rel="nofollow noopener noreferrer">plot</a>'),
        ("|a|\n|-|\n|1|", "<td>1</td>"),
    ],
)
def test_what_is_meant_is_shown(text: str, html: str) -> None:
    assert html in markdown(text)


def test_what_is_very_long_is_shown_as_it_was_written() -> None:
    found = markdown("<b>*" * MAX_LENGTH)
    assert "&lt;b&gt;*&lt;b&gt;*" in found
    assert "<em>" not in found


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "*a",
        "**a *a ",
        "[a](",
        "![a](",
        "<",
        "> ",
        "- ",
        "`",
        "_a_",
        "~~a",
        "|\n",
        "|a" * 90 + "\n",
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """Seconds would be a busy machine's; quadratic ones at full length would take minutes."""
    whole = ("|a|b|\n|-|-|\n" if "|" in text else "") + text * (MAX_LENGTH // len(text))
    begun = time.process_time()
    markdown(whole[:MAX_LENGTH])
    assert time.process_time() - begun < 10
