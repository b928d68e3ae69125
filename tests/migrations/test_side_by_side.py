"""The code of the schema before this one, and this one's, over one database, under load.

The old code comes out of the repository's history, as it was before the last revision.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from podium.registry.app import HISTORIES
from podium.registry.web.assets import STATIC
from podium.tracker.db import Database
from podium.tracker.schema_history import TRACKER, upgrade

from ..faults.clients import check, clients
from ..faults.conftest import replica
from ..services.podium import PODIUM, environment
from ..services.postgres import PostgresServer

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A PYTHONPATH on which `podium` is what it was before the newest schema."""
    introduced = _git(
        "log", "--format=%H", f'-S"{TRACKER.head}", "tracker_version"', "--", "tracker"
    )
    if not introduced:
        pytest.skip("No history of the repository here. Fetch it with: git fetch --unshallow")
    before = f"{introduced.splitlines()[-1]}^"
    archive = tmp_path / "old.tar"
    _git("archive", f"--output={archive}", before, "client", "tracker", "registry")
    (tmp_path / "podium").mkdir()
    shutil.unpack_archive(archive, tmp_path / "podium", filter="data")
    shutil.copytree(STATIC, tmp_path / "podium" / "registry" / "web" / "static", dirs_exist_ok=True)
    return str(tmp_path)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"The repository's history cannot be read: {error}. Clone it with git.")
    return done.stdout.strip()


def test_a_rolling_upgrade_under_load(
    old: str,
    postgres: PostgresServer,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Old server, schema, new server beside it, old one gone: clients see no error on the way."""
    url = postgres.create_database("side_by_side")
    environ = {"PODIUM_DATABASE_URL": url, "PODIUM_ARTIFACTS": str(tmp_path / "artifacts")}
    before = {**environ, "PYTHONPATH": old}
    done = subprocess.run(
        [*PODIUM, "db", "upgrade"],
        env={**environment(), **before},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"now at {TRACKER.head}/" not in done.stdout, "the old code is not old"
    with (
        closing(Database(url, pool_size=2)) as db,
        replica(before, tmp_path, "old") as first,
        replica(environ, tmp_path, "new") as second,
    ):
        first.wait()
        assert second.process is not None
        assert second.process.wait(timeout=60) != 0  # it refuses the old schema, with what to type
        assert "podium db upgrade" in second.log.read_text()
        with clients([first.url], 4) as work:
            work.wait_for(40)
            assert upgrade(db, HISTORIES)
            work.wait_for(40)  # the old code goes on over the new schema
            second.start()
            second.wait()
            work.urls.append(second.url)
            work.wait_for(60)
            work.urls.remove(first.url)
            work.wait_for(20)
            assert first.process is not None
            first.process.terminate()
            assert first.process.wait(timeout=120) == 0
            work.wait_for(20)
            told = work.finish()
        found = check(db, told)
    assert (found["503"], found["cut"]) == (0, 0), told.refusals
    record_property(
        "measured",
        f"old and new code side by side: {found['acknowledged']} acknowledged, 0 requests failed, "
        f"the longest took {told.longest:.1f} s",
    )
