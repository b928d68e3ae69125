"""Places ``${sweep.NAME}``, where a trial gets the value of a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from . import template
from .spec import Sweep

PLACE = re.compile(r"\$\{sweep\.([A-Za-z_][A-Za-z0-9_-]*)\}")


def faults(sweep: Sweep, texts: Any, where: str = "command, args or env") -> Iterator[str]:
    """Each parameter has a place in ``texts``, and no place is of anything else."""
    names = [each.name for each in sweep.parameters]
    used = template.places(texts, PLACE)
    for number, name in enumerate(names):
        if name not in used:
            yield (
                f"sweep.parameters[{number}].name: {name!r} is used nowhere; "
                f"write ${{sweep.{name}}} in {where}"
            )
    for name in sorted(used - set(names)):
        yield f"args: ${{sweep.{name}}} is none of sweep.parameters; there are {', '.join(names)}"
