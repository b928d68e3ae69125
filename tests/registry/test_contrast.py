"""Every colour that carries text or meaning can be told from what is behind it, in both themes.

The ratios are WCAG 2.2's: 4.5 for text (1.4.3), 3 for lines and marks (1.4.11).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STYLES = Path(__file__).parents[2] / "registry" / "web" / "ui" / "src" / "style" / "tokens.css"
TOKEN = re.compile(r"--([a-z0-9-]+):\s*light-dark\(\s*(#[0-9a-f]{6})\s*,\s*(#[0-9a-f]{6})\s*\)")
THEMES = ("light", "dark")

SURFACES = ("paper", "raised", "sunken", "wash")
TEXTS = ("ink", "quiet", "accent", "running", "finished", "failed", "stopped")
SERIES = tuple(f"series-{number}" for number in range(1, 9))

Rgb = tuple[int, int, int]


def palette(theme: str) -> dict[str, Rgb]:
    index = 1 + THEMES.index(theme)
    return {found[1]: rgb(found[1 + index]) for found in TOKEN.finditer(STYLES.read_text())}


def rgb(text: str) -> Rgb:
    red, green, blue = (int(text[start : start + 2], 16) for start in (1, 3, 5))
    return red, green, blue


def luminance(colour: Rgb) -> float:
    def linear(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_on_known_pairs() -> None:
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#767676"), rgb("#ffffff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("text", TEXTS)
def test_text_can_be_read(theme: str, surface: str, text: str) -> None:
    colours = palette(theme)
    assert contrast(colours[text], colours[surface]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_text_on_the_accent_can_be_read(theme: str) -> None:
    colours = palette(theme)
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", SURFACES)
def test_the_edge_of_what_one_types_into_can_be_seen(theme: str, surface: str) -> None:
    colours = palette(theme)
    assert contrast(colours["edge"], colours[surface]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("series", SERIES)
def test_lines_of_a_chart_can_be_seen(theme: str, series: str) -> None:
    colours = palette(theme)
    assert contrast(colours[series], colours["raised"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_no_two_series_have_one_colour(theme: str) -> None:
    colours = palette(theme)
    assert len({colours[series] for series in SERIES}) == len(SERIES)
