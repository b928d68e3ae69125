"""From a registered version to its digest, its schema and its scan; and what is changed later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest
from podium.client.errors import Unavailable
from podium.client.promotion import Promotion
from podium.registry import promotion, versions
from podium.registry.inspection import inspect, service
from podium.registry.inspection.manifest import File, digest_of
from podium.registry.inspection.mlmodel import Unreadable, parse_environment, parse_mlmodel
from podium.registry.models import ModelVersion
from podium.registry.promotion import policies
from podium.registry.promotion.gates import Facts, Outside, Subject
from podium.registry.promotion.gates.content import ScanClean
from podium.registry.promotion.tables import FileRow, InspectionRow
from podium.tracker import run_files
from podium.tracker.artifacts.base import ArtifactStore, Content
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.db import Database
from sqlalchemy import select, update

from ..promotion.conftest import Team

MLMODEL = b"""
artifact_path: model
flavors:
  sklearn:
    pickled_model: model.pkl
    sklearn_version: 1.5.0
signature:
  inputs: '[{"type": "double", "name": "x"}]'
  outputs: '[{"type": "long"}]'
utc_time_created: 2026-11-24 10:00:00
"""


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=8)
    yield database
    database.close()


@pytest.fixture
def team(db: Database) -> Team:
    return Team(db)


def put(team: Team, store: ArtifactStore, version: int, path: str, content: bytes) -> None:
    store.put(root(team, version) / ArtifactPath.parse(path), iter([content]))


def root(team: Team, version: int) -> ArtifactPath:
    return parse_artifact_uri(versions.get_version(team.db, team.name, version).storage_location)


def digest(team: Team, version: int) -> str | None:
    return versions.get_version(team.db, team.name, version).digest


def inspected(team: Team, version: int) -> InspectionRow:
    with team.db.reading() as session:
        return session.scalars(
            select(InspectionRow)
            .join(ModelVersion, ModelVersion.id == InspectionRow.version)
            .where(ModelVersion.version == version)
        ).one()


def test_the_digest_is_what_sha256sum_says_of_the_folder() -> None:
    files = [File("b/c", 1, "2" * 64), File("MLmodel", 1, "1" * 64), File("b.txt", 1, "3" * 64)]
    lines = f"{'1' * 64}  MLmodel\n{'3' * 64}  b.txt\n{'2' * 64}  b/c\n"
    assert digest_of(files) == hashlib.sha256(lines.encode()).hexdigest()


def test_a_version_is_looked_into_once(team: Team, store: ArtifactStore) -> None:
    version = team.version()
    put(team, store, version, "MLmodel", MLMODEL)
    put(team, store, version, "data/weights.bin", bytes(1000))
    put(team, store, version, "requirements.txt", b"scikit-learn==1.5.0\n# comment\nnumpy>=2\n")
    assert service.inspect_new(team.db, store) == 1
    assert service.inspect_new(team.db, store) == 0
    found = inspected(team, version)
    assert (found.status, found.files, found.digest) == ("DONE", 3, digest(team, version))
    told = json.loads(found.model)
    assert told["flavors"]["sklearn"]["sklearn_version"] == "1.5.0"
    assert told["environment"] == {"scikit-learn": "==1.5.0", "numpy": ">=2"}
    assert told["problems"] == []
    with team.db.reading() as session:
        rows = session.scalars(select(FileRow).order_by(FileRow.path)).all()
    assert [(row.path, row.size) for row in rows][1:] == [
        ("data/weights.bin", 1000),
        ("requirements.txt", 39),
    ]
    assert digest_of([File(row.path, row.size, row.sha256) for row in rows]) == found.digest


def test_a_changed_file_is_noticed_at_promotion(team: Team, store: ArtifactStore) -> None:
    policies.set_policy(team.db, "*", "Production", {"gates": [{"gate": "files"}]})
    version = team.version(read=False)
    put(team, store, version, "model.bin", b"good")

    def promote() -> Promotion:
        return promotion.promote(
            team.db,
            name=team.name,
            version=version,
            stage="Production",
            outside=Outside(store=store),
        )

    assert "not been read yet" in promote().waits_for[0]
    service.inspect_new(team.db, store)
    put(team, store, version, "model.bin", b"evil")
    assert "model.bin has other content" in promote().waits_for[0]
    put(team, store, version, "model.bin", b"longer")
    assert "6 bytes instead of 4" in promote().waits_for[0]
    put(team, store, version, "model.bin", b"good")
    put(team, store, version, "extra", b"")
    assert "extra is new" in promote().waits_for[0]
    store.delete(root(team, version) / ArtifactPath.parse("extra"))
    store.delete(root(team, version) / ArtifactPath.parse("model.bin"))
    assert "model.bin is gone" in promote().waits_for[0]
    put(team, store, version, "model.bin", b"good")
    assert promote().done


def test_no_files_are_not_clean(team: Team, store: ArtifactStore) -> None:
    version = team.version()
    service.inspect_new(team.db, store)
    assert inspected(team, version).scan == "UNKNOWN"


def test_one_file_is_a_model_too(team: Team, store: ArtifactStore) -> None:
    version = team.version()
    place = root(team, version)
    store.put(place, iter([b"weights"]))
    assert [file.path for file in inspect(store, place).files] == [place.name]


class Down:
    """A store that is not there."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def open(self, path: ArtifactPath, **_: object) -> Content:
        raise Unavailable("The bucket does not answer.")


class Swapping:
    """A store in which files become others while the first is read."""

    def __init__(self, store: ArtifactStore, others: dict[ArtifactPath, bytes]) -> None:
        self._store, self._others = store, others

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def open(self, path: ArtifactPath, **_: object) -> Content:
        while self._others:
            place, content = self._others.popitem()
            self._store.put(place, iter([content]))
        return self._store.open(path)


EVIL = b"cos\nsystem\n(S'true'\ntR."


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("model.pkl", b"", EVIL),
        ("model.pkl", EVIL, b""),
        ("model.safetensors", b"\x02" + bytes(7) + b"{}", b""),
    ],
)
def test_a_file_that_becomes_another_while_it_is_read_is_not_clean(
    team: Team, store: ArtifactStore, name: str, before: bytes, after: bytes
) -> None:
    version = team.version()
    put(team, store, version, "a-large-one.bin", bytes(1000))
    put(team, store, version, name, before)
    place = root(team, version) / ArtifactPath.parse(name)
    found = inspect(Swapping(store, {place: after}), root(team, version))  # type: ignore[arg-type]
    assert {file.path: file.size for file in found.files}[name] == len(after)
    assert found.scan == ("UNSAFE" if after else "UNKNOWN")
    assert f"{len(after)} bytes instead of {len(before)}" in found.findings[-1]["text"]


def test_more_findings_than_are_kept_say_so(team: Team, store: ArtifactStore) -> None:
    """Else a gate that trusts all that is kept would trust what is not."""
    version = team.version()
    names = b"".join(b"courlib.part%d\nMine\n0" % number for number in range(1200))
    put(team, store, version, "a.pkl", names + b"N.")
    put(team, store, version, "z.pkl", b"cotherlib\nTheirs\n.")
    found = inspect(store, root(team, version))
    assert len(found.findings) <= 1001
    gate = ScanClean(trusted=("ourlib",))
    subject = Subject(1, scan=found.scan, findings=found.findings)
    verdict = gate.check(Facts("digits", "Production", subject, None, now=0))
    assert not verdict.passed, verdict.sentence


def test_a_store_that_is_down_is_asked_again_later(team: Team, store: ArtifactStore) -> None:
    version = team.version()
    put(team, store, version, "model.bin", b"good")
    assert service.inspect_new(team.db, Down(store)) == 0  # type: ignore[arg-type]
    found = inspected(team, version)
    assert (found.status, found.problem) == ("FAILED", "The bucket does not answer.")
    assert service.inspect_new(team.db, store) == 0, "not at once"
    with team.db.writing() as session:
        session.execute(update(InspectionRow).values(retry=1))
    assert service.inspect_new(team.db, store) == 1
    assert inspected(team, version).problem == ""
    assert digest(team, version)


def test_a_worker_that_wakes_up_late_writes_nothing(
    team: Team, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = team.version()
    put(team, store, version, "model.bin", b"good")
    turns: list[int] = []

    def slow(*arguments: object) -> object:
        found = inspect(*arguments)  # type: ignore[arg-type]
        if not turns:
            turns.append(1)
            with team.db.writing() as session:
                session.execute(update(InspectionRow).values(retry=1))
            put(team, store, version, "model.bin", b"newer")
            assert service.inspect_new(team.db, store) == 1
        return found

    monkeypatch.setattr(service, "inspect", slow)
    assert service.inspect_new(team.db, store) == 0
    newest = inspect(store, root(team, version))
    assert digest(team, version) == newest.digest


def test_a_version_that_is_deleted_meanwhile_stays_empty(
    team: Team, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = team.version()

    def deleting(*arguments: object) -> object:
        versions.delete_version(team.db, team.name, version)
        return inspect(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "inspect", deleting)
    assert service.inspect_new(team.db, store) == 0
    with team.db.reading() as session:
        assert session.scalars(select(ModelVersion.digest)).one() is None


_LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (98 + n, 98 + n, *[97 + n] * 9)
    for n in range(8)
)


@pytest.mark.parametrize(
    "text",
    [
        b"- a list",
        b"signature: !!python/object/apply:os.system [id]",
        b"a: [" * 2000,
        b"\xff\xfe\x00",
        b"signature: " + _LAUGHS.replace(b"\n", b"\n  ").replace(b"a: &a", b"\n  a: &a", 1),
        b"flavors: " + b"[" * 60 + b"]" * 60,
    ],
    ids=["no mapping", "object", "deep and open", "no text", "laughs", "deep"],
)
def test_an_mlmodel_that_means_harm_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_mlmodel(text)


def test_what_an_mlmodel_says_is_json_afterwards() -> None:
    told = parse_mlmodel(MLMODEL + b"metadata: {when: 2026-01-01, nan: .nan, raw: !!binary aGk=}\n")
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["metadata"] == {"when": "2026-01-01", "nan": "nan", "raw": "2 bytes"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"requirements.txt": b"A==1\nb [x] >= 2 ; python_version > '3'\n-r other\n"},
            {"a": "==1", "b": "[x] >= 2"},
        ),
        (
            {"conda.yaml": b"dependencies: [python=3.11, {pip: [mlflow==3]}]"},
            {"python": "=3.11", "mlflow": "==3"},
        ),
        ({"python_env.yaml": b"python: 3.11.7"}, {"python": "==3.11.7"}),
        ({"conda.yaml": b"dependencies: 7"}, {}),
        ({}, {}),
    ],
)
def test_environments(files: dict[str, bytes], expected: dict[str, str]) -> None:
    assert parse_environment(files) == expected


def test_runs_keep_their_files_where_versions_look_for_them(team: Team) -> None:
    version = versions.get_version(team.db, team.name, team.version())
    assert version.run_id
    below = run_files.root_of(team.db, version.run_id)
    assert root(team, version.version).segments[: len(below.segments)] == below.segments
