"""Who may do what, of every route: each one is asked by each kind of caller.

A new route needs a row in ``ROWS``: a request that works for whoever has the rights. What each kind
of caller is answered follows from the route's permission alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from podium.client.entities import Metric
from podium.client.wire import CONTENT_TYPE, Batch, encode
from podium.registry import aliases, promotion, registered, versions
from podium.registry.app import create_app
from podium.registry.launches.tables import LaunchRow, LaunchRule
from podium.registry.models import Base as RegistryBase
from podium.registry.models import RegisteredModel
from podium.registry.promotion import freezes, policies, stage_sets
from podium.registry.read import find_version
from podium.registry.sweeps.tables import SweepRow
from podium.tracker import audit, experiments, logged_models, runs, saved_views
from podium.tracker.artifacts.base import MultipartUpload, SignedDownload, SignedRequest
from podium.tracker.artifacts.files import FolderStore
from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.auth import accounts, caller, grants, guard, tokens
from podium.tracker.auth.authenticate import load
from podium.tracker.auth.caller import Visit
from podium.tracker.auth.permissions import (
    ADMIN,
    APPROVE,
    EVERYTHING,
    LOG,
    PUBLIC,
    READ,
    REGISTER,
    SELF,
    SHARE,
    Permission,
    permission_of,
)
from podium.tracker.auth.roles import EXPERIMENT, MODEL, Kind, Role
from podium.tracker.auth.tables import Principal, Token
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.logged_models.tables import LoggedModel
from sqlalchemy import select
from werkzeug.test import TestResponse

RUN, LOGGED = "a" * 32, "m-" + "b" * 32
EXP = "1"
FILE = f"{EXP}/{RUN}/artifacts/model/f.txt"
SECRET = "sesame"  # in the names of what not everybody may see
MLFLOW, PROXY = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts"


def _launch(db: Database) -> None:
    """A launch of the model, a sweep, and a rule."""
    spec = json.dumps({name: each for name, each in LAUNCHED.items() if name != "source"})
    said = {"author": "root", "created": 1, "purpose": "evaluate", "spec": spec}
    with db.writing() as session:
        model = session.scalars(select(RegisteredModel.id)).one()
        row = LaunchRow(launch_id=LAUNCH, model=model, name=SECRET, version=1, target="job", **said)
        session.add_all([row, LaunchRule(glob=SECRET, stage="Staging", **said)])
        swept = {"sweep_id": SWEEP, "model": model, "name": SECRET, "version": 1, "seed": 1}
        session.add(
            SweepRow(
                **swept,
                target="job",
                spec=json.dumps(SWEPT),
                experiment_id=EXP,
                run_id=RUN,
                author="root",
                created=1,
            )
        )


@dataclass(frozen=True)
class Ask:
    """``on`` is what it is about: None when about nothing, or about what a search finds.

    ``also`` is a status that is as good as success here.
    """

    on: Kind | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] | None = None
    data: bytes | None = None
    form: Mapping[str, str] | None = None
    also: tuple[int, ...] = ()


def of(kind: Kind | None, /, *, also: tuple[int, ...] = (), **args: Any) -> Ask:
    return Ask(kind, args, also=also)


def on_run(**args: Any) -> Ask:
    return Ask(EXPERIMENT, {"run_id": RUN, **args})


def on_model(**args: Any) -> Ask:
    return Ask(MODEL, {"name": SECRET, **args})


def at(kind: Kind | None, also: tuple[int, ...] = (), /, **path: Any) -> Ask:
    return Ask(kind, path=path, also=also)


PLACE = f"{EXP}/{RUN}/artifacts"
LAUNCH = "c" * 32
LAUNCHED = {
    "target": "job",
    "purpose": "evaluate",
    "image": f"r/i@sha256:{'0' * 64}",
    "source": {"model": SECRET, "version": 1},
}
LAUNCHING = {
    **{name: str(LAUNCHED[name]) for name in ("target", "purpose", "image")},
    "model": SECRET,
    "version": "1",
}
SWEEP = "d" * 32
SWEPT = {
    **LAUNCHED,
    "args": ["${sweep.x}"],
    "sweep": {
        "metric": "loss",
        "goal": "minimize",
        "algorithm": "grid",
        "experiment": "swept",
        "parameters": [{"name": "x", "type": "choice", "values": ["a", "b"]}],
    },
}
PROMOTION = "/api/v1/models/<name>"
ID = {"request_id": 1}
STAGES = [{"name": "None"}, {"name": "Archived"}]
FORM = {"path": "f.txt", "upload_id": "x"}
THING = {"kind": "experiment", "name": EXP}
ROWS: dict[str, dict[str, Ask]] = {
    **{path: {"GET": of(None)} for path in ("/health", "/ready", "/version", "/metrics", "/")},
    "/static/<name>": {"GET": at(None, (404,), name="x")},
    "/api/3.0/mlflow/server-info": {"GET": of(None)},
    f"{MLFLOW}/experiments/create": {"POST": of(None, name="new")},
    f"{MLFLOW}/experiments/get": {"GET": of(EXPERIMENT, experiment_id=EXP)},
    f"{MLFLOW}/experiments/get-by-name": {"GET": of(EXPERIMENT, experiment_name=SECRET)},
    f"{MLFLOW}/experiments/update": {"POST": of(EXPERIMENT, experiment_id=EXP, new_name="n")},
    f"{MLFLOW}/experiments/delete": {"POST": of(EXPERIMENT, experiment_id=EXP)},
    f"{MLFLOW}/experiments/restore": {"POST": of(EXPERIMENT, experiment_id="2")},
    f"{MLFLOW}/experiments/search": {
        "GET": of(None, max_results=9),
        "POST": of(None, max_results=9),
    },
    f"{MLFLOW}/experiments/set-experiment-tag": {
        "POST": of(EXPERIMENT, experiment_id=EXP, key="k", value="v")
    },
    f"{MLFLOW}/experiments/delete-experiment-tag": {
        "POST": of(EXPERIMENT, experiment_id=EXP, key="t")
    },
    f"{MLFLOW}/runs/create": {"POST": of(EXPERIMENT, experiment_id=EXP)},
    f"{MLFLOW}/runs/get": {"GET": on_run()},
    f"{MLFLOW}/runs/update": {"POST": on_run(run_name="n")},
    f"{MLFLOW}/runs/delete": {"POST": on_run()},
    f"{MLFLOW}/runs/restore": {"POST": on_run()},
    f"{MLFLOW}/runs/log-metric": {"POST": on_run(key="m", value=1, timestamp=1)},
    f"{MLFLOW}/runs/log-parameter": {"POST": on_run(key="q", value="1")},
    f"{MLFLOW}/runs/set-tag": {"POST": on_run(key="k", value="v")},
    f"{MLFLOW}/runs/delete-tag": {"POST": on_run(key="t")},
    f"{MLFLOW}/runs/log-batch": {"POST": on_run()},
    f"{MLFLOW}/runs/search": {"POST": of(None, experiment_ids=[EXP])},
    f"{MLFLOW}/metrics/get-history": {"GET": on_run(metric_key="loss")},
    f"{MLFLOW}/metrics/get-history-bulk-interval": {
        "GET": of(EXPERIMENT, run_ids=[RUN], metric_key="loss")
    },
    f"{MLFLOW}/artifacts/list": {"GET": on_run()},
    f"{MLFLOW}/artifacts/presigned-upload-url": {
        "POST": Ask(
            EXPERIMENT,
            {"run_id": RUN, "path": "f", "content_length": 1, "checksum_sha256": "A" * 43 + "="},
        )
    },
    f"{MLFLOW}/artifacts/presigned-download-url": {
        "POST": Ask(EXPERIMENT, {"run_id": RUN, "path": "model/f.txt"})
    },
    f"{PROXY}/artifacts/<path:path>": {
        "PUT": Ask(EXPERIMENT, path={"path": FILE}, data=b"x"),
        "GET": at(EXPERIMENT, path=FILE),
        "DELETE": at(EXPERIMENT, path=FILE),
    },
    f"{PROXY}/artifacts": {"GET": of(EXPERIMENT, path=PLACE)},
    f"{PROXY}/mpu/create/<path:folder>": {
        "POST": Ask(EXPERIMENT, {"path": "f", "num_parts": 1}, {"folder": PLACE})
    },
    f"{PROXY}/mpu/complete/<path:folder>": {
        "POST": Ask(EXPERIMENT, {**FORM, "parts": []}, {"folder": PLACE})
    },
    f"{PROXY}/mpu/abort/<path:folder>": {"POST": Ask(EXPERIMENT, FORM, {"folder": PLACE})},
    f"{PROXY}/presigned/<path:path>": {"GET": at(EXPERIMENT, path=FILE)},
    f"{MLFLOW}/experiments/search-datasets": {"POST": of(None, experiment_ids=[EXP])},
    f"{MLFLOW}/runs/log-inputs": {"POST": on_run(models=[{"model_id": LOGGED}])},
    f"{MLFLOW}/runs/outputs": {"POST": on_run(models=[{"model_id": LOGGED, "step": 1}])},
    f"{MLFLOW}/runs/log-model": {
        "POST": on_run(
            model_json='{"artifact_path":"a","flavors":{},"utc_time_created":"x","run_id":"x"}'
        )
    },
    f"{MLFLOW}/metrics/get-history-bulk": {"GET": of(EXPERIMENT, run_id=[RUN], metric_key="loss")},
    f"{MLFLOW}/upload-artifact": {
        "POST": Ask(EXPERIMENT, query={"run_uuid": RUN, "path": "new.txt"}, data=b"x")
    },
    f"{MLFLOW}/logged-models": {"POST": of(EXPERIMENT, experiment_id=EXP)},
    f"{MLFLOW}/logged-models/<model_id>": {
        "GET": at(EXPERIMENT, model_id=LOGGED),
        "PATCH": Ask(EXPERIMENT, {"status": "LOGGED_MODEL_READY"}, {"model_id": LOGGED}),
        "DELETE": at(EXPERIMENT, model_id=LOGGED),
    },
    f"{MLFLOW}/logged-models/<model_id>/params": {"POST": at(EXPERIMENT, model_id=LOGGED)},
    f"{MLFLOW}/logged-models/<model_id>/tags": {"PATCH": at(EXPERIMENT, model_id=LOGGED)},
    f"{MLFLOW}/logged-models/<model_id>/tags/<path:key>": {
        "DELETE": at(EXPERIMENT, model_id=LOGGED, key="t")
    },
    f"{MLFLOW}/logged-models/<model_id>/artifacts/directories": {
        "GET": at(EXPERIMENT, model_id=LOGGED)
    },
    f"{MLFLOW}/logged-models/<model_id>/artifacts/files": {
        "GET": Ask(EXPERIMENT, {"artifact_file_path": "f.txt"}, {"model_id": LOGGED})
    },
    "/api/3.0/mlflow/workspaces": {"GET": of(None, also=(501,)), "POST": of(None, also=(501,))},
    "/api/3.0/mlflow/workspaces/<name>": {
        method: at(None, (501,), name="x") for method in ("GET", "PATCH", "DELETE")
    },
    f"{MLFLOW}/logged-models/search": {"POST": of(None, experiment_ids=[EXP])},
    "/get-artifact": {"GET": on_run(path="model/f.txt")},
    "/api/v1/runs/<run_id>/points": {
        "POST": Ask(
            EXPERIMENT,
            path={"run_id": RUN},
            data=encode(Batch(b"w" * 16, 1, ())),
        )
    },
    "/api/v1/runs/<run_id>/heartbeat": {"POST": Ask(EXPERIMENT, {"interval": 9}, {"run_id": RUN})},
    "/api/v1/runs/<run_id>/metrics": {"GET": at(EXPERIMENT, run_id=RUN)},
    "/api/v1/charts": {"POST": of(None, series=[{"run_id": RUN, "key": "loss"}])},
    "/api/v1/audit": {"GET": of(None)},
    "/api/v1/mlflow/openapi.json": {"GET": of(None)},
    "/api/v1/me": {"GET": of(None)},
    "/api/v1/users": {"GET": of(None), "POST": of(None, name="new")},
    "/api/v1/users/<name>": {"PATCH": Ask(None, {"email": "x"}, {"name": "other"})},
    "/api/v1/users/<name>/members": {"PUT": Ask(None, {"members": []}, {"name": "team"})},
    "/api/v1/users/<name>/invitations": {"POST": at(None, name="other")},
    "/api/v1/users/<name>/tokens": {
        "GET": at(None, name="other"),
        "POST": Ask(None, {"name": "x"}, {"name": "other"}),
    },
    "/api/v1/users/<name>/tokens/<int:token_id>": {"DELETE": at(None, name="other", token_id=1)},
    "/api/v1/tokens": {"GET": of(None), "POST": of(None, name="x")},
    "/api/v1/tokens/<int:token_id>": {"DELETE": at(None, token_id=1)},
    "/api/v1/sessions": {"GET": of(None), "DELETE": of(None)},
    "/api/v1/sessions/<int:login_id>": {"DELETE": at(None, login_id=1)},
    "/api/v1/password": {"PUT": of(None, new="a long password")},
    "/api/v1/roles": {
        "GET": Ask(EXPERIMENT, THING),
        "PUT": Ask(EXPERIMENT, {**THING, "principal": "other", "role": "viewer"}),
        "DELETE": Ask(EXPERIMENT, {**THING, "principal": "viewer"}),
    },
    f"{MLFLOW}/registered-models/create": {"POST": of(None, name="new")},
    f"{MLFLOW}/registered-models/get": {"GET": on_model()},
    # From under a policy only an admin of the server renames.
    f"{MLFLOW}/registered-models/rename": {
        "POST": Ask(MODEL, {"name": SECRET, "new_name": "n"}, also=(403,))
    },
    f"{MLFLOW}/registered-models/update": {"PATCH": on_model(description="d")},
    f"{MLFLOW}/registered-models/delete": {"DELETE": of(MODEL, also=(403,), name=SECRET)},
    f"{MLFLOW}/registered-models/search": {"GET": of(None)},
    f"{MLFLOW}/registered-models/get-latest-versions": {"GET": on_model(), "POST": on_model()},
    f"{MLFLOW}/registered-models/set-tag": {"POST": on_model(key="k", value="v")},
    f"{MLFLOW}/registered-models/delete-tag": {"DELETE": on_model(key="k")},
    f"{MLFLOW}/registered-models/alias": {
        "POST": on_model(alias="b", version="1"),
        "GET": on_model(alias="best"),
        "DELETE": on_model(alias="best"),
    },
    f"{MLFLOW}/model-versions/create": {"POST": on_model(source=f"runs:/{RUN}/model")},
    f"{MLFLOW}/model-versions/get": {"GET": on_model(version="1")},
    f"{MLFLOW}/model-versions/update": {"PATCH": on_model(version="1")},
    f"{MLFLOW}/model-versions/transition-stage": {"POST": on_model(version="1", stage="Staging")},
    f"{MLFLOW}/model-versions/delete": {"DELETE": on_model(version="1")},
    f"{MLFLOW}/model-versions/get-download-uri": {"GET": on_model(version="1")},
    f"{MLFLOW}/model-versions/search": {"GET": of(None)},
    f"{MLFLOW}/model-versions/set-tag": {"POST": on_model(version="1", key="k", value="v")},
    f"{MLFLOW}/model-versions/delete-tag": {"DELETE": on_model(version="1", key="k")},
    "/model-versions/get-artifact": {"GET": on_model(version="1", path="f.txt")},
    **{
        f"{PROMOTION}/{path}": {
            method: Ask(MODEL, args, {"name": SECRET, "version": "1", **ids}, also=also)
            for method, args in methods.items()
        }
        for path, ids, also, methods in (
            ("promotions", {}, (), {"POST": {"version": "1", "stage": "Staging"}}),
            ("requests", {}, (), {"GET": {}}),
            ("requests/<int:request_id>", ID, (), {"GET": {}}),
            ("requests/<int:request_id>/launches", ID, (), {"GET": {}}),
            ("requests/<int:request_id>/approve", ID, (), {"POST": {}}),
            ("requests/<int:request_id>/reject", ID, (), {"POST": {"reason": "no"}}),
            # What these take beside the role on the model is the service's to say.
            ("requests/<int:request_id>/withdraw", ID, (403,), {"POST": {}}),
            ("requests/<int:request_id>/override", ID, (403,), {"POST": {"reason": "now"}}),
            ("requests/<int:request_id>/comments", ID, (), {"GET": {}, "POST": {"comment": "x"}}),
            ("rollbacks", {}, (409,), {"POST": {"stage": "Staging"}}),
            ("history", {}, (), {"GET": {}}),
            ("holders", {}, (), {"GET": {"stage": "Production"}}),
            ("versions/<version>/comments", {}, (), {"GET": {}, "POST": {"comment": "x"}}),
            ("versions/<version>/inspection", {}, (), {"GET": {}}),
            ("versions/<before>/diff/<after>", {"before": 1, "after": 1}, (), {"GET": {}}),
            ("stages", {}, (), {"GET": {}, "PUT": {"stages": STAGES}, "DELETE": {}}),
            ("policies", {}, (), {"GET": {}}),
            ("policies/<stage>", {"stage": "Archived"}, (), {"PUT": {}, "DELETE": {}}),
            ("freezes", {}, (), {"GET": {}, "POST": {"reason": "x"}}),
            ("freezes/<int:freeze_id>", {"freeze_id": 1}, (), {"DELETE": {}}),
        )
    },
    **{f"/api/v1/{path}": {"GET": of(None)} for path in ("stages", "policies", "freezes")},
    "/api/v1/external-check-secrets": {"GET": of(None, url="https://a.example")},
    "/api/v1/launches": {"GET": of(None), "POST": of(MODEL, spec=LAUNCHED)},
    "/api/v1/launches/dry-run": {"POST": Ask(MODEL, {"spec": LAUNCHED})},
    **{
        f"/api/v1/launches/<launch_id>{path}": {method: at(MODEL, launch_id=LAUNCH)}
        for path, method in (("", "GET"), ("/events", "GET"), ("/logs", "GET"), ("/stop", "POST"))
    },
    "/api/v1/runs/<run_id>/usage": {"GET": at(EXPERIMENT, run_id=RUN)},
    "/api/v1/launch-orphans": {"GET": of(None)},
    "/api/v1/launch-orphans/delete": {"POST": Ask(args={}, also=(400,))},
    "/api/v1/launch-rules": {"GET": of(None), "POST": Ask(args={}, also=(400,))},
    "/api/v1/launch-rules/dry-run": {"POST": Ask(args={}, also=(400,))},
    "/api/v1/launch-rules/<int:rule_id>": {"DELETE": at(None, rule_id=1)},
    "/api/v1/models/<name>/launch-rules": {"GET": at(MODEL, name=SECRET)},
    "/api/v1/sweeps": {"GET": of(None), "POST": of(MODEL, spec=SWEPT)},
    "/api/v1/sweeps/<sweep_id>": {"GET": at(MODEL, sweep_id=SWEEP)},
    "/api/v1/sweeps/<sweep_id>/trials": {"GET": at(MODEL, sweep_id=SWEEP)},
    "/api/v1/sweeps/<sweep_id>/stop": {"POST": at(MODEL, sweep_id=SWEEP)},
    "/sweeps": {"GET": of(None)},
    "/sweeps/<sweep_id>": {"GET": at(MODEL, sweep_id=SWEEP)},
    "/sweeps/<sweep_id>/stop": {"POST": Ask(MODEL, path={"sweep_id": SWEEP}, form={})},
    "/launches": {"GET": of(None), "POST": Ask(MODEL, form=LAUNCHING)},
    "/launches/new": {"GET": of(None), "POST": Ask(form=LAUNCHING)},
    "/launches/dry-run": {"POST": Ask(MODEL, form=LAUNCHING)},
    "/launches/<launch_id>": {"GET": at(MODEL, launch_id=LAUNCH)},
    "/launches/<launch_id>/stop": {"POST": Ask(MODEL, path={"launch_id": LAUNCH}, form={})},
    "/launch-rules": {"GET": of(None), "POST": Ask(form={}, also=(400,))},
    "/launch-rules/dry-run": {"POST": Ask(form={}, also=(400,))},
    "/launch-rules/<int:rule_id>/delete": {"POST": Ask(path={"rule_id": 1}, form={})},
    "/experiments": {"GET": of(None)},
    "/experiments/<experiment_id>": {"GET": at(EXPERIMENT, experiment_id=EXP)},
    "/experiments/<experiment_id>/views": {
        "POST": Ask(EXPERIMENT, path={"experiment_id": EXP}, form={"name": "new", "query": ""})
    },
    "/experiments/<experiment_id>/shared-views": {
        "POST": Ask(EXPERIMENT, path={"experiment_id": EXP}, form={"name": "new", "query": ""})
    },
    "/experiments/<experiment_id>/views/<int:view_id>/delete": {
        "POST": Ask(EXPERIMENT, path={"experiment_id": EXP, "view_id": 2}, form={}, also=(404,))
    },
    "/experiments/<experiment_id>/shared-views/<int:view_id>/delete": {
        "POST": Ask(EXPERIMENT, path={"experiment_id": EXP, "view_id": 1}, form={})
    },
    **{
        f"/experiments/<experiment_id>/runs.{kind}": {"GET": at(EXPERIMENT, experiment_id=EXP)}
        for kind in ("csv", "parquet")
    },
    "/compare": {"GET": of(None, run=RUN)},
    "/compare/going": {"GET": of(None, run=RUN)},
    "/experiments/<experiment_id>/rows": {"GET": at(EXPERIMENT, experiment_id=EXP)},
    "/api/v1/experiments/<experiment_id>/keys": {"GET": at(EXPERIMENT, experiment_id=EXP)},
    **{
        f"/experiments/<experiment_id>/selection/{act}": {
            "POST": Ask(EXPERIMENT, path={"experiment_id": EXP}, form={"run": RUN, **asked})
        }
        for act, asked in (
            *(("delete", {}), ("restore", {}), ("tag", {"key": "k", "value": "v"})),
            *((f"runs.{kind}", {}) for kind in ("csv", "parquet", "py")),
        )
    },
    "/runs/<run_id>": {"GET": at(EXPERIMENT, run_id=RUN)},
    **{
        f"/runs/<run_id>/{side}": {"GET": at(EXPERIMENT, run_id=RUN)}
        for side in ("metrics", "system", "files", "logs", "source", "lineage")
    },
    "/runs/<run_id>/frame": {
        "GET": Ask(EXPERIMENT, {"path": "f.html"}, {"run_id": RUN}, also=(404,))
    },
    **{
        f"/runs/<run_id>/{verb}": {"POST": Ask(EXPERIMENT, path={"run_id": RUN}, form=form)}
        for verb, form in {
            "name": {"name": "n"},
            "note": {"note": "x"},
            "tags": {"key": "k", "value": "v"},
            "tags/delete": {"key": "t"},
            "register": {"model": "new", "path": "model"},
            "delete": {},
            "restore": {},
        }.items()
    },
    "/logged-models/<model_id>": {"GET": at(EXPERIMENT, model_id=LOGGED)},
    "/logged-models/<model_id>/files": {"GET": at(EXPERIMENT, model_id=LOGGED)},
    "/models": {"GET": of(None)},
    "/search": {"GET": Ask(query={"q": SECRET})},
    # Without a page of ours around them, these two are refused to everybody alike.
    "/login": {"GET": of(None), "POST": Ask(form={}, also=(403,))},
    "/welcome": {"GET": of(None, also=(404,)), "POST": Ask(form={}, also=(403,))},
    # Without a provider they are not there.
    "/login/oidc": {"GET": of(None, also=(404,))},
    "/login/oidc/callback": {"GET": of(None, also=(404,))},
    "/logout": {"POST": Ask(form={})},
    "/account": {"GET": of(None)},
    "/account/tokens": {"POST": Ask(form={"name": "x", "scope": "read", "days": "1"})},
    "/account/tokens/<int:token_id>/revoke": {"POST": Ask(path={"token_id": 1}, form={})},
    "/account/logins/<int:login_id>/end": {"POST": Ask(path={"login_id": 1}, form={})},
    "/account/password": {"POST": Ask(form={"password": "a long password"})},
    "/operations": {"GET": of(None)},
    "/audit": {"GET": of(None)},
    "/audit/export": {"GET": of(None)},
    "/people": {"GET": of(None), "POST": Ask(form={"name": "new", "role": "viewer"})},
    "/people/<name>": {"POST": Ask(path={"name": "other"}, form={"role": "viewer"})},
    "/people/<name>/members": {"POST": Ask(path={"name": "team"}, form={"members": "other"})},
    "/people/<name>/invite": {"POST": Ask(path={"name": "other"}, form={})},
    **{
        f"{thing}/access{path}": {
            method: Ask(kind, path={"name": SECRET, "experiment_id": EXP}, form=form)
            for method, form in methods.items()
        }
        for thing, kind in (("/models/<name>", MODEL), ("/experiments/<experiment_id>", EXPERIMENT))
        for path, methods in (
            ("", {"GET": None, "POST": {"principal": "other", "role": "viewer"}}),
            ("/take", {"POST": {"principal": "viewer"}}),
        )
    },
    "/models/<name>": {"GET": at(MODEL, name=SECRET)},
    "/models/<name>/versions/<version>": {"GET": at(MODEL, name=SECRET, version="1")},
    "/models/<name>/versions/<version>/files": {"GET": at(MODEL, name=SECRET, version="1")},
    **{
        f"/models/<name>/{path}": {
            method: Ask(MODEL, path={"name": SECRET, "version": "1", **ids}, form=form, also=also)
            for method, form in methods.items()
        }
        for path, ids, also, methods in (
            ("promotions", {}, (), {"POST": {"version": "1", "stage": "Staging"}}),
            ("requests", {}, (), {"GET": None}),
            ("requests/<int:request_id>", ID, (), {"GET": None}),
            ("requests/<int:request_id>/launches", ID, (), {"GET": None}),
            ("requests/<int:request_id>/approve", ID, (), {"POST": {}}),
            ("requests/<int:request_id>/reject", ID, (), {"POST": {"reason": "no"}}),
            ("requests/<int:request_id>/withdraw", ID, (403,), {"POST": {}}),
            ("requests/<int:request_id>/override", ID, (403,), {"POST": {"reason": "now"}}),
            ("requests/<int:request_id>/comments", ID, (), {"POST": {"comment": "x"}}),
            ("versions/<version>/comments", {}, (), {"POST": {"comment": "x"}}),
            ("history", {}, (), {"GET": None}),
            ("rollbacks", {}, (409,), {"POST": {"stage": "Staging"}}),
            ("freezes", {}, (), {"POST": {"reason": "x"}}),
            ("freezes/<int:freeze_id>/lift", {"freeze_id": 1}, (), {"POST": {}}),
        )
    },
    "/policies": {"GET": of(None)},
    "/operations/storage": {"GET": of(None)},
    "/api/v1/storage": {"GET": of(None)},
    "/api/v1/experiments/<experiment_id>/storage": {"GET": at(EXPERIMENT, experiment_id=EXP)},
    "/api/v1/quotas": {"GET": of(None)},
    "/api/v1/quotas/<kind>/<name>": {
        "PUT": Ask(None, {"bytes": 1 << 40}, {"kind": "user", "name": "ada"}),
        "DELETE": at(None, (404,), kind="user", name="ada"),
    },
    "/api/v1/retention": {
        "GET": of(None),
        "POST": of(None, experiments="*", what="runs", days=99),
    },
    "/api/v1/retention/<int:policy_id>": {"DELETE": at(None, (404,), policy_id=1)},
    "/api/v1/retention/preview": {"GET": of(None)},
    "/api/v1/holds": {
        "GET": of(None),
        "PUT": of(None, subject=f"run:{RUN}", reason="court"),
    },
    "/api/v1/holds/<kind>/<name>": {"DELETE": at(None, (404,), kind="run", name=RUN)},
}

# The gate lets in admins only, before anything is looked for: no webhook has to be there.
HOOK, DELIVERY = "/<webhook_id>", "/<webhook_id>/deliveries/<delivery_id>"
for _path, _methods in {
    f"{MLFLOW}/webhooks": ("GET", "POST"),
    f"{MLFLOW}/webhooks{HOOK}": ("GET", "PATCH", "DELETE"),
    f"{MLFLOW}/webhooks{HOOK}/test": ("POST",),
    "/api/v1/webhooks": ("GET", "POST"),
    f"/api/v1/webhooks{HOOK}": ("GET", "PATCH", "DELETE"),
    f"/api/v1/webhooks{HOOK}/rotate": ("POST",),
    f"/api/v1/webhooks{HOOK}/test": ("POST",),
    f"/api/v1/webhooks{HOOK}/deliveries": ("GET",),
    f"/api/v1/webhooks{DELIVERY}": ("GET",),
    f"/api/v1/webhooks{DELIVERY}/replay": ("POST",),
    "/webhooks": ("GET", "POST"),
    f"/webhooks{HOOK}": ("GET",),
    **{f"/webhooks{HOOK}/{verb}": ("POST",) for verb in ("rotate", "test", "switch", "delete")},
    f"/webhooks{DELIVERY}": ("GET",),
    f"/webhooks{DELIVERY}/replay": ("POST",),
}.items():
    ROWS[_path] = {
        method: at(None, (400, 404, 501), webhook_id="x", delivery_id="x") for method in _methods
    }
ROWS["/api/v1/openapi.json"] = {"GET": of(None)}

# Names of people, and what each was given on the experiment and the model.
ROLES = {
    "viewer": Role.VIEWER,
    "editor": Role.EDITOR,
    "approver": Role.APPROVER,
    "admin": Role.ADMIN,
}
STRANGERS = ("anonymous", "revoked", "expired")


class SigningStore(FolderStore):
    """A folder that signs as S3 does, so that those routes, too, get as far as who may use them."""

    def presign_put(self, *_: object, **__: object) -> SignedRequest:
        return SignedRequest("signed", {})

    def presign_get(self, *_: object, **__: object) -> SignedDownload:
        return SignedDownload("signed", {}, 1)

    def create_multipart(self, *_: object, **__: object) -> MultipartUpload:
        return MultipartUpload("x", ())

    def complete_multipart(self, *_: object) -> None:
        pass

    def abort_multipart(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> World:
    return World(tmp_path_factory.mktemp("rights"), sqlite_template)


class World:
    """A database with things and people, copied for whoever changes it."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.tokens: dict[str, str] = {}
        shutil.copyfile(template, folder / "podium.db")
        with db_of(folder) as db:
            self._fill(db)
        store = folder / "artifacts" / PLACE / "model"
        store.mkdir(parents=True)
        (store / "f.txt").write_text("x")
        with db_of(folder) as db:
            place = parse_artifact_uri(logged_models.get_model(db, LOGGED).artifact_uri)
        (folder / "artifacts" / place.key).mkdir(parents=True)
        (folder / "artifacts" / place.key / "f.txt").write_text("x")
        self.site = folder / "site.yaml"
        self.site.write_text("clusters: {main: {kubeconfig: /nowhere}}")

    def _fill(self, db: Database) -> None:
        made = experiments.create_experiment(db, name=SECRET, tags={"t": "1"})
        gone = experiments.create_experiment(db, name=f"{SECRET}-gone")
        assert (made.experiment_id, gone.experiment_id) == (EXP, "2")
        saved_views.save_view(db, EXP, name=SECRET, query="", shared=True)
        runs.create_run(db, experiment_id=EXP, run_id=RUN, run_name=SECRET, tags={"t": "1"})
        runs.log_batch(db, RUN, metrics=[Metric("loss", 1.0, 1, 0)])
        experiments.delete_experiment(db, "2")
        logged_models.create_model(db, experiment_id=EXP, name=SECRET, tags={"t": "1"})
        with db.writing() as session:
            session.scalars(select(LoggedModel)).one().model_id = LOGGED
        registered.create_model(db, name=SECRET)
        versions.create_version(db, name=SECRET, source=f"runs:/{RUN}/model")
        with db.writing() as session:  # its files have been read, so it can be approved
            find_version(session, SECRET, 1).digest = "0" * 64
        aliases.set_alias(db, SECRET, "best", "1")
        accounts.create(db, name="team", kind="group")
        self._person(db, "other")
        self._person(db, "root", Role.ADMIN)
        for name, role in ROLES.items():
            self._person(db, name)
            for kind, thing in (("experiment", EXP), ("experiment", "2"), ("model", SECRET)):
                grants.give(db, kind, thing, principal=name, role=role)
        stage_sets.set_stages(db, SECRET, {"stages": [*STAGES, {"name": "Staging"}]})
        policies.set_policy(db, SECRET, "Archived", {"approvals": 1})
        freezes.freeze(db, SECRET, reason=SECRET, stage="Production")
        with db.reading() as session:
            principal = session.scalars(select(Principal.id).filter_by(name="editor")).one()
            caller.begin(Visit(load(session, principal, EVERYTHING)))
        promotion.promote(db, name=SECRET, version=1, stage="Archived")
        caller.end()
        _launch(db)
        for scope in ("read", "log"):
            self.tokens[f"root for {scope}"] = tokens.create(
                db, "root", name=scope, scopes=[scope]
            )[0]
        self.tokens["revoked"], info = tokens.create(db, "root", name="revoked")
        tokens.revoke(db, "root", info.id)
        self.tokens["expired"], info = tokens.create(db, "root", name="expired")
        with db.writing() as session:
            session.get_one(Token, info.id).expires = 1

    def _person(self, db: Database, name: str, role: Role = Role.MEMBER) -> None:
        accounts.create(db, name=name, role=role)
        everything = ["read", "log", "register", "approve", "admin"]
        self.tokens[name] = tokens.create(db, name, name="all", scopes=everything)[0]

    @contextmanager
    def copy(self, folder: Path) -> Iterator[Flask]:
        url = f"sqlite:///{folder / 'podium.db'}"
        db = Database(url, pool_size=1)
        config = Config(
            database_url=url, artifacts="unused", auth_required=True, launch_site=self.site
        )
        app = create_app(config, db=db, store=SigningStore(folder / "artifacts"))
        self.restore(app, folder)
        yield app
        db.close()

    def restore(self, app: Flask, folder: Path) -> None:
        """As if nothing had been asked yet."""
        app.extensions["podium"].db.close()
        for path in ("podium.db-wal", "podium.db-shm"):
            (folder / path).unlink(missing_ok=True)
        shutil.copyfile(self.folder / "podium.db", folder / "podium.db")
        shutil.copytree(self.folder / "artifacts", folder / "artifacts", dirs_exist_ok=True)

    def ask(self, app: Flask, method: str, rule: str, who: str) -> tuple[int, str]:
        asked = ROWS[rule][method]
        path = rule
        for name, value in asked.path.items():
            for written in (f"<{name}>", f"<path:{name}>", f"<int:{name}>"):
                path = path.replace(written, str(value))
        headers = {} if who == "anonymous" else {"Authorization": f"Bearer {self.tokens[who]}"}
        sent: dict[str, Any] = {"json": dict(asked.args)}
        if method == "GET":
            sent = {"query_string": dict(asked.args)}
        elif asked.form is not None:
            sent = {"data": dict(asked.form)}
        elif asked.data is not None:
            sent = {"data": asked.data, "content_type": CONTENT_TYPE, "query_string": asked.query}
        answer: TestResponse = app.test_client().open(path, method=method, headers=headers, **sent)
        with answer:
            return answer.status_code, answer.get_data().decode(errors="replace")


@contextmanager
def db_of(folder: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{folder / 'podium.db'}", pool_size=1)
    yield db
    db.close()


def routes(app: Flask) -> dict[tuple[str, str], Permission | None]:
    return {
        (rule.rule, method): permission_of(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def expected(permission: Permission, on: Kind | None, who: str) -> int:
    """The status that says no, or 200."""
    if permission is PUBLIC:
        return 200
    if who in STRANGERS:
        return 401
    if who.startswith("root for"):
        return 200 if permission == who.removeprefix("root for ") else 403
    if permission is SELF:
        return 403  # not by a token
    if who == "root":
        return 200
    if permission is ADMIN:
        return 403
    if on is None:
        return 200
    if who == "other":
        return 404
    return 200 if ROLES[who] >= on.role_for(permission) else 403


def test_every_route_has_a_row(whole: Flask) -> None:
    found = {(rule, method) for rule, method in routes(whole) if not rule.startswith("/ajax-api/")}
    rows = {(rule, method) for rule, methods in ROWS.items() for method in methods}
    assert found == rows, "add a row to ROWS: a request that works for who has the rights"


def test_the_pages_own_paths_are_the_same_routes(whole: Flask) -> None:
    found = routes(whole)
    for (rule, method), permission in found.items():
        if rule.startswith("/ajax-api/"):
            assert found[rule.replace("/ajax-api/", "/api/", 1), method] is permission


@pytest.mark.parametrize("rule", ROWS)
def test_each_caller_is_answered_as_the_permission_says(
    world: World, tmp_path: Path, rule: str
) -> None:
    callers = [*STRANGERS, "root for read", "root for log", "other", *ROLES, "root"]
    with world.copy(tmp_path) as app:
        permissions = routes(app)
        for method, asked in ROWS[rule].items():
            permission = permissions[rule, method]
            assert permission is not None
            allowed = []
            world.restore(app, tmp_path)
            for who in callers:
                wanted = expected(permission, asked.on, who)
                if wanted == 200:
                    allowed.append(who)
                    continue
                status, text = world.ask(app, method, rule, who)
                assert status == wanted, (method, who, text)
                assert SECRET not in text.replace(_echo(asked), ""), (method, who, text)
            for who in allowed:
                if permission not in (READ, PUBLIC):
                    world.restore(app, tmp_path)
                status, text = world.ask(app, method, rule, who)
                assert status < 400 or status in asked.also, (method, who, status, text)
                if who == "other":
                    assert SECRET not in text.replace(_echo(asked), ""), (method, text)


def _echo(asked: Ask) -> str:
    """A refusal may repeat the name that was asked for."""
    said = (*asked.args.values(), *asked.path.values(), *(asked.form or {}).values())
    return SECRET if SECRET in said or LAUNCHED in said or SWEPT in said else "\0"


def test_what_each_role_may_do() -> None:
    """The table behind the matrix, written out: to change it is a decision."""
    table = {
        (kind.name, permission.value): kind.role_for(permission).label
        for kind in (EXPERIMENT, MODEL)
        for permission in (READ, LOG, REGISTER, APPROVE, SHARE)
    }
    assert table == {
        ("experiment", "read"): "viewer",
        ("experiment", "log"): "editor",
        ("experiment", "register"): "viewer",
        ("experiment", "approve"): "viewer",
        ("experiment", "share"): "admin",
        ("model", "read"): "viewer",
        ("model", "log"): "viewer",
        ("model", "register"): "editor",
        ("model", "approve"): "approver",
        ("model", "share"): "admin",
    }


def test_every_table_of_the_registry_is_guarded_or_on_this_list() -> None:
    found = {owner.__table__.name for below in guard._guarded().values() for owner, _ in below}
    every = {table.name for table in RegistryBase.metadata.sorted_tables}
    # Found by the number of a version, a request or a sweep, and only one that was found has one.
    below = {
        *("model_version_tags", "version_comments", "version_files", "version_inspections"),
        *("promotion_approvals", "launch_events", "sweep_trials"),
    }
    # Of names and patterns of names: a model is told its own, the lists are for admins.
    rules = {"stage_sets", "promotion_policies", "stage_freezes", "launch_rules"}
    # For admins and the worker.
    of_admins = {"webhooks", "webhook_deliveries", "webhook_attempts", "outbox_events"}
    of_admins.add("launch_clusters")
    assert every - found == below | rules | of_admins


class TestModels:
    def test_a_model_can_be_read_by_who_may_not_see_its_run(
        self, world: World, tmp_path: Path
    ) -> None:
        """Its files lie with the run that made them, and belong to the model all the same."""
        with world.copy(tmp_path) as app:
            db: Database = app.extensions["podium"].db
            place = f"{PROXY}/artifacts/<path:path>"
            assert world.ask(app, "GET", place, "other")[0] == 404
            grants.give(db, "model", SECRET, principal="other", role=Role.VIEWER)
            assert world.ask(app, "GET", place, "other") == (200, "x")
            for page in ("", "/versions/<version>", "/versions/<version>/files"):
                assert world.ask(app, "GET", f"/models/<name>{page}", "other")[0] == 200
            for method in ("PUT", "DELETE"):
                assert world.ask(app, method, place, "other")[0] == 404
            assert world.ask(app, "GET", f"{PROXY}/artifacts", "other")[0] == 404
            assert world.ask(app, "GET", f"{MLFLOW}/runs/get", "other")[0] == 404

    def test_its_admins_alone_delete_it(self, world: World, tmp_path: Path) -> None:
        """Who registers its name anew is its admin, and may override its policies."""
        with world.copy(tmp_path) as app:
            path = f"{MLFLOW}/registered-models/delete"
            for who in ("viewer", "editor", "approver"):
                assert world.ask(app, "DELETE", path, who)[0] == 403
            db: Database = app.extensions["podium"].db
            refused = audit.search(db, action="model.delete.refused").items
            reasons = [row["reason"] for row in refused if row["actor"] != "viewer"]
            assert len(reasons) == 2
            assert all("takes the role admin" in each for each in reasons)
            assert world.ask(app, "DELETE", path, "admin")[0] == 200

    def test_who_registers_it_is_its_admin(self, world: World, tmp_path: Path) -> None:
        with world.copy(tmp_path) as app:
            db: Database = app.extensions["podium"].db
            world.ask(app, "POST", f"{MLFLOW}/registered-models/create", "other")
            found = grants.on(db, "model", "new")
            assert [(each.principal, each.role) for each in found] == [("other", Role.ADMIN)]
            registered.delete_model(db, "new")
            registered.create_model(db, name="new")
            assert grants.on(db, "model", "new") == []
