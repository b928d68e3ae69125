"""The attacks that docs/security.md lists are tried by tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_attack_has_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    table = text.partition("| attack | tried by |")[2].partition("\n\n")[0]
    rows = table.strip().splitlines()[1:]
    assert len(rows) >= 20
    for row in rows:
        found = _TEST.findall(row)
        assert found, row
        for path, name in found:
            source = (ROOT / path).read_text()
            assert re.search(rf"def {name}\(", source), f"{path} has no {name}"
