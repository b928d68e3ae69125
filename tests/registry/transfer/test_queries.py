"""The queries that docs/transfer.md shows, asked of an export by DuckDB, where it lies."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

duckdb = pytest.importorskip("duckdb", reason="No DuckDB here. Install it with: pip install duckdb")

_PAGE = Path(__file__).parents[3] / "docs" / "transfer.md"


@pytest.fixture
def inside(small_export: Path) -> Iterator[None]:
    """In the folder of the export, as the page says."""
    before = Path.cwd()
    os.chdir(small_export)
    yield
    os.chdir(before)


def _documented() -> list[str]:
    blocks = re.findall(r"```sql\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    return [each.strip() for block in blocks for each in block.split(";") if each.strip()]


@pytest.mark.usefixtures("inside")
def test_every_query_of_the_page_is_answered() -> None:
    queries = _documented()
    assert len(queries) >= 3
    for query in queries:
        assert duckdb.sql(query).columns


@pytest.mark.usefixtures("inside")
def test_all_points_are_there_and_what_they_are() -> None:
    [(points, runs, keys)] = duckdb.sql(
        "SELECT count(*), count(DISTINCT run_id), count(DISTINCT key) FROM 'points/**/*.parquet'"
    ).fetchall()
    assert (points, runs, keys) == (117, 3, 4)
    values = duckdb.sql(
        "SELECT value FROM 'points/**/*.parquet' WHERE key = 'loss' AND NOT isfinite(value)"
    ).fetchall()
    assert sum(math.isnan(value) for (value,) in values) == 6
    assert sorted({value for (value,) in values if not math.isnan(value)}) == [-math.inf, math.inf]


@pytest.mark.usefixtures("inside")
def test_what_a_page_of_ours_would_ask() -> None:
    """The lineage of what is registered, with the last value of each metric of its run."""
    rows = duckdb.sql(
        """
        SELECT models.name, versions.version, versions.stage, points.key,
               arg_max(points.value, (points.step, points.timestamp)) AS last
        FROM 'model_versions.parquet' AS versions
        JOIN 'registered_models.parquet' AS models ON versions.model = models.id
        JOIN 'points/**/*.parquet' AS points USING (run_id)
        WHERE versions.stage = 'Production' AND isfinite(points.value)
        GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    assert {row[:3] for row in rows} == {("classifier", 1, "Production")}
    assert {row[3] for row in rows} >= {"loss", "Loss"}
