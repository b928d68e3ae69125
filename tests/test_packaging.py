"""What is installed is what lies in the folders, and the arrow between them is kept."""

from __future__ import annotations

import ast
import importlib.resources
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("client", "tracker", "registry")
_NOT_SOURCES = {"node_modules", "static", "__pycache__", "ui", "templates"}


def _folders() -> Iterator[Path]:
    for top in PACKAGES:
        for folder in (ROOT / top, *(ROOT / top).rglob("*")):
            if folder.is_dir() and not _NOT_SOURCES & set(folder.relative_to(ROOT).parts):
                yield folder


def test_every_folder_with_code_is_a_package_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = {
        ".".join(("podium", *folder.relative_to(ROOT).parts))
        for folder in _folders()
        if any(folder.glob("*.py"))
    }
    assert found == set(project["tool"]["setuptools"]["packages"])


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_it_is_typed(package: str) -> None:
    assert importlib.resources.files(f"podium.{package}").joinpath("py.typed").is_file()


def test_the_grammar_and_the_migrations_are_installed() -> None:
    tracker = importlib.resources.files("podium.tracker")
    assert tracker.joinpath("search", "grammar.lark").is_file()
    assert tracker.joinpath("migrations", "versions", "0001_tracking.py").is_file()


def test_a_wheel_built_from_the_sdist_has_the_pages_and_not_their_sources(tmp_path: Path) -> None:
    """As an index would serve it: the sdist is made from the tree, the wheel from the sdist."""
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns(
        ".*", "__pycache__", "node_modules", "static", "demo-data", "build", "dist"
    )
    shutil.copytree(ROOT, tree, ignore=ignored)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", tmp_path / "dist", tree],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    [wheel] = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    built = [name for name in names if name.startswith("podium/registry/web/static/main-")]
    assert {name.rpartition(".")[2] for name in built} == {"js", "css", "br", "gz"}
    assert "podium/registry/web/static/meta.json" in names
    assert "podium/registry/web/templates/base.html" in names
    assert "podium/tracker/search/grammar.lark" in names
    assert not [name for name in names if name.startswith(("tests/", "client/")) or "/ui/" in name]


def test_a_build_that_fails_says_so(tmp_path: Path) -> None:
    ui = tmp_path / "ui"
    source = ROOT / "registry" / "web" / "ui"
    shutil.copytree(source, ui, ignore=shutil.ignore_patterns("node_modules"))
    (ui / "src" / "main.ts").write_text("import './nothing.ts';")
    done = subprocess.run(
        [sys.executable, ui / "build.py", "build"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "nothing.ts" in done.stdout + done.stderr


def test_nothing_imports_the_packages_by_their_folder_names() -> None:
    """`import client` beside `podium.client` would be a second copy with its own active run."""
    for path in [*ROOT.glob("examples/*.py"), *ROOT.glob("tests/**/*.py"), *_sources()]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            bare = [name for name in names if name.split(".")[0] in PACKAGES]
            assert not bare, f"{path.relative_to(ROOT)} imports {bare[0]}: write podium.{bare[0]}"


def test_dangerous_libraries_have_one_door_each() -> None:
    doors = {
        "boto3": {"tracker/artifacts/s3.py"},
        "minio": {"tracker/artifacts/provision.py"},
        "kubernetes": {"registry/launch/kube.py"},
        "markdown_it": {"registry/web/markdown.py"},
        "nh3": {"registry/web/markdown.py"},
        "mlflow": {"registry/transfer/arrival/source.py"},
        "optuna": {"registry/sweeps/suggest.py"},
        "pyarrow": {"registry/transfer/parquet.py"},
        "pickle": set(),
    }
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                top = (module or "").split(".")[0]
                if top in doors and not (isinstance(node, ast.ImportFrom) and node.level):
                    assert path.relative_to(ROOT).as_posix() in doors[top], f"{path} uses {top}"


def test_services_know_nothing_of_flask() -> None:
    web = {"app.py", "rest.py", "services.py", "operations.py", "points.py", "telemetry.py"}
    web |= {
        "serve.py",
        "worker_http.py",
        "tracing.py",
        "cli.py",
        "download.py",
        "assembly.py",
        "openapi.py",
    }
    for path in (ROOT / "tracker").rglob("*.py"):
        parts = path.relative_to(ROOT / "tracker").parts
        views = parts[-1] == "views.py" or parts == ("auth", "gate.py")
        if views or parts[0] == "mlflow" or parts[0] in web:
            continue
        assert "flask" not in path.read_text(), f"{path} is a service and imports flask"


def test_the_client_works_from_a_bare_checkout() -> None:
    """`cd checkout; python -c "import client"`, with nothing installed but what Python has."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import client; print(callable(client.log_metric))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr


def test_the_command_starts_where_only_the_client_is_installed() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(('flask', 'sqlalchemy', 'alembic')));"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{hide} from podium.registry.cli import main; sys.exit(main(['db', 'upgrade']))",
        ],
        env={"PODIUM_DATABASE_URL": "sqlite:////nowhere/podium.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'podium[server]'" in done.stderr


def _sources() -> Iterator[Path]:
    for folder in _folders():
        yield from folder.glob("*.py")


def test_the_server_needs_no_more_than_its_extra(tmp_path: Path) -> None:
    """What other extras bring is not there: it starts, and says what a page would need."""
    script = """
import sys
absent = ("kubernetes", "mlflow", "opentelemetry", "optuna", "pyarrow")
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from podium.client.errors import NotSupported
from podium.registry.app import HISTORIES, create_app, jobs
from podium.registry import cli
from podium.tracker.config import from_environment
from podium.tracker.db import Database
from podium.tracker.schema_history import upgrade
folder = Path(sys.argv[1])
(folder / "artifacts").mkdir()
config = from_environment({}, data=folder)
db = Database(config.database_url, pool_size=1)
upgrade(db, HISTORIES)
db.close()
cli.parser()
client = create_app(config).test_client()
assert client.get("/experiments/0").status_code == 200
answer = client.get("/experiments/0/runs.parquet")
assert answer.status_code == 501, answer.status_code
assert "podium[export]" in answer.get_data(as_text=True)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
