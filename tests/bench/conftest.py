"""Figures, not verdicts: each is taken beside a peer in the same run, since machines differ.

Run by `make bench`. A benchmark fails only when it cannot measure.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..browser.conftest import browser_type_launch_args

__all__ = ["browser_type_launch_args"]

_lines: list[str] = []


class Figures:
    """What a benchmark found, printed together at the end of the run."""

    def add(self, what: str, ours: float, peer: float, unit: str, *, peer_name: str) -> None:
        _line(what, (ours, peer), unit, peer_name, peer / ours if ours else float("inf"))

    def rate(self, what: str, ours: float, peer: float, unit: str, *, peer_name: str) -> None:
        """As :meth:`add`, of something of which more is better."""
        _line(what, (ours, peer), unit, peer_name, ours / peer)


def _line(what: str, found: tuple[float, float], unit: str, peer_name: str, ratio: float) -> None:
    ours, peer = found
    both = f"{ours:>10.4g} {unit:<5} {peer_name:>26} {peer:>10.4g} {unit:<5}"
    _lines.append(f"{what:<46} {both} {ratio:>9.3g} x")


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None] | None:
    if _lines:
        terminalreporter.section("figures (ours, the peer's, how many times better)")
        for line in _lines:
            terminalreporter.write_line(line)
    return None
