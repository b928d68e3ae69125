"""PySpark reads an export where it lies, and pyiceberg makes a table of its files without a copy.

Both are in an environment of their own, since they are half a gigabyte: `make test-spark` makes it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[3]
_PYTHON = _ROOT / "build" / "spark" / "bin" / "python"

pytestmark = [
    pytest.mark.skipif(
        not _PYTHON.exists(), reason="No PySpark here. Install it with: make test-spark"
    ),
    pytest.mark.timeout(300),
]

_SPARK = """
import json, sys
from pyspark.sql import SparkSession, functions as f

spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
points = spark.read.parquet("points")
runs = spark.read.parquet("runs.parquet")
models = spark.read.parquet("registered_models.parquet").withColumnRenamed("name", "model_name")
versions = spark.read.parquet("model_versions.parquet")
loss = points.where("key = 'loss'")
by_experiment = points.groupBy("experiment").count().collect()
one = points.where(f.col("experiment") == by_experiment[0]["experiment"])
production = (
    versions.where("stage = 'Production'")
    .join(models, versions.model == models.id)
    .join(points, "run_id")
    .groupBy("model_name", "version", "key")
    .agg(f.max_by("value", f.struct("step", "timestamp")))
)
print(json.dumps({
    "columns": dict(points.dtypes),
    "points": points.count(),
    "keys": points.select("key").distinct().count(),
    "nan": loss.where(f.isnan("value")).count(),
    "infinite": loss.where(f.abs("value") == float("inf")).count(),
    "by_experiment": {row["experiment"]: row["count"] for row in by_experiment},
    "pruned": "PartitionFilters: [isnotnull(experiment" in one._jdf.queryExecution().toString(),
    "of_known_runs": points.join(runs, "run_id").count(),
    "production": sorted(list(row)[:3] for row in production.collect()),
}))
spark.stop()
"""

_ICEBERG = """
import json, pathlib, sys
import pyarrow.parquet as parquet
from pyiceberg.catalog.sql import SqlCatalog

files = sorted(str(path.resolve()) for path in pathlib.Path("points").glob("**/*.parquet"))
catalog = SqlCatalog("podium", uri=f"sqlite:///{sys.argv[1]}/catalog.db", warehouse=f"file://{sys.argv[1]}")
catalog.create_namespace("podium")
table = catalog.create_table("podium.points", schema=parquet.ParquetFile(files[0]).schema_arrow)
table.add_files(files)
found = table.scan(row_filter="key = 'loss'").to_arrow()
print(json.dumps({
    "points": table.scan().to_arrow().num_rows,
    "loss": found.num_rows,
    "files": [task.file.file_path for task in table.scan().plan_files()],
}))
"""


def test_spark_reads_all_of_it(small_export: Path) -> None:
    if shutil.which("java") is None:
        pytest.skip("No Java here. Install it with: apt-get install -y default-jre-headless")
    found = _asked(_SPARK, small_export)
    assert found["columns"] == {
        "run_id": "string",
        "key": "string",
        "step": "bigint",
        "timestamp": "bigint",
        "value": "double",
        "experiment": "int",
    }
    assert (found["points"], found["keys"]) == (117, 4)
    assert (found["nan"], found["infinite"]) == (6, 6)
    assert found["pruned"], "a query of one experiment reads the files of others"
    assert sum(found["by_experiment"].values()) == found["of_known_runs"] == 117
    assert ["classifier", 1, "loss"] in found["production"]


def test_iceberg_takes_the_files_as_they_are(small_export: Path, tmp_path: Path) -> None:
    found = _asked(_ICEBERG, small_export, str(tmp_path))
    assert found["points"] == 117
    assert 0 < found["loss"] < 117
    for file in found["files"]:
        assert small_export in Path(file.removeprefix("file://")).parents, "it was copied"


def _asked(program: str, folder: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [str(_PYTHON), "-c", program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
