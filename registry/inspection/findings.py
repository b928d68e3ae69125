"""What is found in a file, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    UNSAFE = "UNSAFE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Finding:
    """``module`` is what a pickle imports, where that is what was found."""

    path: str
    level: Level
    text: str
    module: str = ""


def judge(findings: list[Finding]) -> str:
    levels = {finding.level for finding in findings}
    return next((level for level in Level if level in levels), "CLEAN")


def suffix(path: str) -> str:
    name = path.rpartition("/")[2].lower()
    return name[name.rindex(".") :] if "." in name else ""
