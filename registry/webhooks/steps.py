"""Where a worker may die: each place is named, so that tests can end the process at every one."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[str], None]
"""Called between two steps with the name of the one just done."""


def no_step(_name: str) -> None: ...
