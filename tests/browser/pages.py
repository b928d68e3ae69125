"""A server's pages with something on each, for tests that visit all of them."""

from __future__ import annotations

from urllib.parse import quote

from ..registry.launch.samples import IMAGE
from .site import NOON, Site, curve

MARKDOWN = (
    "## What was tried\n\nTwo layers, **wide**. See [the file](files).\n\n- a list\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n"
)


def fill(site: Site) -> dict[str, str]:
    """Make one of everything; the address of each page by a short name."""
    experiment = site.create_experiment("every page")
    note = {"mlflow.note.content": MARKDOWN, "team": "vision", "mlflow.source.name": "train.py"}
    run = site.create_run(experiment, "a run", params={"lr": "0.01"}, tags=note)
    for key in ("loss", "val/loss", "val/accuracy", "system/cpu"):
        site.log(run, curve(key, start=2, floor=0.1, speed=0.05, steps=200))
    for name, body in {
        "requirements.txt": b"numpy==2.1\n",
        "logs/train.log": b"epoch 1\nepoch 2\n",
        "model/MLmodel": b"flavors:\n  sklearn: {}\n",
        "report.html": b"<!doctype html><html lang=en><title>r</title><h1>Report</h1></html>",
        "table.csv": b"name,value\nalpha,1\n",
    }.items():
        site.put_file(run, name, body)
    data = {"name": "digits", "digest": "d1", "source_type": "local", "source": "a.csv"}
    site.post("runs/log-inputs", run_id=run, datasets=[{"dataset": data}])
    made = site.post("logged-models", experiment_id=experiment, name="net", source_run_id=run)
    logged = made["model"]["info"]["model_id"]
    site.post("runs/outputs", run_id=run, models=[{"model_id": logged, "step": 1}])
    site.end(run)
    child = site.create_run(experiment, "going on", tags={"mlflow.parentRunId": run})
    site.log(child, [("loss", 1.0, 0, NOON)])
    deleted = site.create_run(experiment, "deleted")
    site.post("runs/delete", run_id=deleted)
    model, version, request = _model(site, run)
    hook = site.native(
        "POST",
        "webhooks",
        # Nobody listens there.
        {"name": "ci", "url": "http://127.0.0.1:9/hook", "events": ["COMMENT_CREATED"]},
    )["webhook_id"]
    comments = f"{version.removeprefix('/')}/comments"
    site.native("POST", comments, {"comment": "Who is told?"})
    source = {"model": "every page", "version": 1}
    job = {"target": "job", "purpose": "train", "image": IMAGE, "source": source}
    launch = site.native("POST", "launches", {"spec": job})["launch_id"]
    sides = ("metrics", "system", "files", "logs", "source", "lineage")
    return {
        "experiments": "/experiments",
        "no experiments": "/experiments?q=nothing+such",
        "experiment": f"/experiments/{experiment}",
        "access to an experiment": f"/experiments/{experiment}/access",
        "access to a model": f"{model}/access",
        "empty experiment": f"/experiments/{site.create_experiment('every page, empty')}",
        "charts": f"/experiments/{experiment}?tab=charts",
        "grouped": f"/experiments/{experiment}?group=params.lr",
        "compare": f"/compare?run={run}&run={child}",
        "storage": "/operations/storage",
        "run": f"/runs/{run}",
        **{side: f"/runs/{run}/{side}" for side in sides},
        "empty run": f"/runs/{child}/logs",
        "html": f"/runs/{run}/files?path=report.html",
        "csv": f"/runs/{run}/files?path=table.csv",
        "running": f"/runs/{child}",
        "deleted run": f"/runs/{deleted}",
        "logged model": f"/logged-models/{logged}",
        "models": "/models",
        "model": model,
        "version": version,
        "requests": f"{model}/requests",
        "request": request,
        "history": f"{model}/history?stage=Production",
        "sweeps": "/sweeps",
        "no sweeps": "/sweeps?name=nothing+such",
        "policies": "/policies",
        "launches": "/launches",
        "launch": f"/launches/{launch}",
        "new launch": "/launches/new?model=every+page&version=1",
        "launch rules": "/launch-rules",
        "webhooks": "/webhooks",
        "webhook": f"/webhooks/{hook}",
        "delivery": site.delivered(hook),
        "audit": "/audit",
        "nothing in the audit log": "/audit?subject=nothing",
        "operations": "/operations",
        "search": "/search?q=every",
        "nothing found": "/search?q=no+such+thing",
        "not found": "/nothing",
    }


def _model(site: Site, run: str) -> tuple[str, str, str]:
    name = "every page"
    site.post("registered-models/create", name=name, description=MARKDOWN)
    for _ in range(3):
        site.post("model-versions/create", name=name, source=f"runs:/{run}/model", run_id=run)
    site.post("registered-models/alias", name=name, alias="champion", version="1")
    address = f"models/{quote(name)}"
    for version in ("1", "2"):
        asked = {"version": version, "stage": "Production", "comment": "better"}
        site.native("POST", f"{address}/promotions", asked)
    rule = {"target": "deployment", "purpose": "serve", "image": IMAGE, "command": ["serve"]}
    site.native("POST", "launch-rules", {"model": name, "stage": "Production", "spec": rule})
    gates = [{"gate": "required", "tags": {"reviewed": "*"}}]
    site.native("PUT", f"{address}/policies/Production", {"approvals": 1, "gates": gates})
    asked = {"version": "3", "stage": "Production", "comment": MARKDOWN}
    waiting = site.native("POST", f"{address}/promotions", asked)
    site.native("POST", f"{address}/versions/3/comments", {"comment": "Looks **good**."})
    request = waiting.get("request", waiting)["id"]
    return f"/{address}", f"/{address}/versions/3", f"/{address}/requests/{request}"
