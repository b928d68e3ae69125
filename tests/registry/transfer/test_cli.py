"""The commands, as a person types them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from podium.tracker.artifacts.files import FolderStore

from ...services.podium import PODIUM, environment
from .conftest import Installation, Make, fill, tree


def podium(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PODIUM, *map(str, arguments)],
        env={**environment(), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def settings(installation: Installation) -> dict[str, str]:
    assert isinstance(installation.store, FolderStore)
    url = installation.db.engine.url.render_as_string(hide_password=False)
    return {"PODIUM_DATABASE_URL": url, "PODIUM_ARTIFACTS": str(installation.store.root)}


@pytest.fixture
def exported(small_export: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(small_export, tmp_path / "export"))


def test_out_of_a_server_into_a_laptop_s_folder_and_out_of_it(make: Make, tmp_path: Path) -> None:
    server = make("postgresql and folder")
    fill(server)
    first, second, data = (tmp_path / name for name in ("first", "second", "data"))
    told = "3 experiments, 4 runs, 117 points, 4 artifacts; "
    done = podium("export", first, **settings(server))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Exported to {first}: {told}")
    done = podium("verify", first)
    assert done.stdout.startswith(f"{first} is whole: {told}")
    # Named on the command line, the folder counts, whatever the environment says.
    done = podium("import", first, "--data", data, **settings(server))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Imported from {first}: {told}")
    assert (data / "podium.db").is_file()
    done = podium("export", second, "--data", data)
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(second) == tree(first)


def test_a_folder_without_a_database_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    done = podium("export", tmp_path / "export", "--data", tmp_path / "data")
    assert done.returncode == 1
    assert done.stderr == (
        f"podium: --data {tmp_path / 'data'} holds no podium.db. Name the folder that `podium up` "
        "uses.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_export_is_one_line(exported: Path, make: Make) -> None:
    os.truncate(exported / "runs.parquet", 10)
    for arguments in (("verify", exported), ("import", exported)):
        done = podium(*arguments, **settings(make("sqlite and folder")))
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith(f"podium: {exported}/runs.parquet is damaged")


@pytest.mark.parametrize("command", ["export", "import", "verify"])
def test_without_pyarrow_the_extra_is_named(command: str, tmp_path: Path) -> None:
    hide = "import sys; sys.modules['pyarrow'] = None;"
    script = f"from podium.registry.cli import main; sys.exit(main([{command!r}, 'x']))"
    done = subprocess.run(
        [sys.executable, "-c", f"{hide} {script}"],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"podium: `podium {command}` needs pyarrow, which is not installed. "
        "Type: pip install 'podium[export]'\n"
    )
