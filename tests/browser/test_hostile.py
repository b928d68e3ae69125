"""What people store is shown to others: nothing of it runs in their browser, wherever it stands.

The Content-Security-Policy would stop a script that got into a page; what it stops is a complaint,
and complaints fail the test. So both walls are seen.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Page

from ..registry.launch.samples import IMAGE
from ..services.receiver import answer, receiver
from .site import NOON, Site

OWNED = "document.documentElement.lang='owned'"
NAME = f"<img src=x onerror={OWNED}>\"'"  # no slash: names of models have none
TEXT = "\n\n".join(
    [
        f"<script>{OWNED}</script>",
        f"<img src=x onerror={OWNED}>",
        f"<svg onload={OWNED}></svg>",
        f"[click](javascript:{OWNED})",
        "![pixel](https://spy.example/pixel.png)",
        f"<iframe srcdoc='<script>top.{OWNED}</script>'></iframe>",
        "<style>body{display:none}</style>",
        f'```"><img src=x onerror={OWNED}>\ncode\n```',
        "**bold**",
    ]
)


@pytest.fixture(scope="module")
def addresses(site: Site) -> list[str]:
    """The pages on which something hostile stands, in every field that takes text."""
    note = [{"key": "mlflow.note.content", "value": TEXT}, {"key": "a b", "value": NAME}]
    experiment = site.post("experiments/create", name=f"hostile {NAME}", tags=note)["experiment_id"]
    run = site.create_run(
        experiment,
        NAME,
        user=NAME,
        params={"a b": TEXT[:500], "lr": NAME},
        tags={each["key"]: each["value"] for each in note},
    )
    site.log(run, [("a i", step / 2, step, NOON + step) for step in range(5)])
    logged = _logged_model(site, experiment, run)
    data = {"name": NAME, "digest": "d", "source_type": NAME, "source": TEXT}
    site.post("runs/log-inputs", run_id=run, datasets=[{"dataset": data}])
    site.put_file(run, "logs/<img src=x onerror=alert(1)>.log", TEXT.encode())
    site.put_file(run, "model/<img src=x onerror=alert(1)>.md", TEXT.encode())
    model = f"hostile {NAME}"
    of_model = quote(model)
    site.post("registered-models/create", name=model, description=TEXT, tags=note[1:])
    site.post(
        "model-versions/create",
        name=model,
        source=f"runs:/{run}/model",
        run_id=run,
        description=TEXT,
        tags=note[1:],
    )
    site.native("POST", f"models/{of_model}/versions/1/comments", {"comment": TEXT})
    site.native("PUT", f"models/{of_model}/policies/Production", {"approvals": 1})
    asked = {"version": "1", "stage": "Production", "comment": TEXT}
    request = site.native("POST", f"models/{of_model}/promotions", asked)
    number = request["request"]["id"] if "request" in request else request["id"]
    site.native("POST", f"models/{of_model}/requests/{number}/comments", {"comment": TEXT})
    site.native("POST", f"models/{of_model}/freezes", {"stage": "Staging", "reason": TEXT})
    launch = _launch(site, model)
    hook, delivery = _webhook(site, of_model)
    return [
        f"/experiments/{experiment}?group={quote('params.lr')}",
        f"/compare?run={run}&run={site.create_run(experiment, 'plain')}&all=1",
        f"/search?{urlencode({'q': NAME})}",
        "/webhooks",
        hook,
        delivery,
        f"/sweeps?{urlencode({'name': NAME})}",
        "/policies",
        "/audit",
        f"/audit?{urlencode({'actor': NAME, 'subject': f'model:{model}'})}",
        f"/experiments/{experiment}/access",
        f"/models/{of_model}/access",
        "/operations",
        "/operations/storage",
        "/launches",
        f"/launches/{launch}",
        f"/launches/new?again={launch}",
        f"/launches/new?{urlencode({'model': NAME, 'name': NAME, 'text': TEXT})}",
        "/launch-rules",
        f"/models/{of_model}/requests/{number}/launches",
        "/experiments",
        f"/experiments/{experiment}",
        f"/experiments/{experiment}?tab=charts",
        f"/runs/{run}",
        *(f"/runs/{run}/{side}" for side in ("metrics", "system", "logs", "source", "lineage")),
        f"/logged-models/{logged}",
        f"/runs/{run}/files?path={quote('model/<img src=x onerror=alert(1)>.md')}",
        "/models",
        f"/models/{of_model}",
        f"/models/{of_model}/versions/1",
        f"/models/{of_model}/requests",
        f"/models/{of_model}/requests/{number}",
        f"/models/{of_model}/history",
    ]


def _webhook(site: Site, of_model: str) -> tuple[str, str]:
    """One whose receiver says what is hostile: a name takes no such thing."""
    with receiver() as there:
        there.behaviours["/hook"] = answer(500, TEXT.encode(), Content_Type="text/html")
        asked = {"name": "hostile", "url": f"{there.url}/hook", "events": ["COMMENT_CREATED"]}
        hook = site.native("POST", "webhooks", asked)["webhook_id"]
        site.native("POST", f"models/{of_model}/versions/1/comments", {"comment": TEXT})
        return f"/webhooks/{hook}", site.delivered(hook)


def _launch(site: Site, model: str) -> str:
    """A launch and a rule that say hostile things wherever a spec takes text."""
    said = {"command": [NAME], "args": [TEXT], "env": {"A": TEXT}}
    spec = {"target": "job", "purpose": "train", "image": IMAGE, **said}
    rule = {"model": "hostile *", "stage": "Production", "spec": {**spec, "purpose": "evaluate"}}
    site.native("POST", "launch-rules", rule)
    source = {"model": model, "version": 1, "stage": NAME}
    launched = site.native("POST", "launches", {"spec": {**spec, "source": source, "name": NAME}})
    return str(launched["launch_id"])


def _logged_model(site: Site, experiment: str, run: str) -> str:
    tags = [{"key": "t", "value": TEXT[:500]}]
    made = site.post(
        "logged-models", experiment_id=experiment, name="net", source_run_id=run, tags=tags
    )
    logged = str(made["model"]["info"]["model_id"])
    site.post("runs/outputs", run_id=run, models=[{"model_id": logged, "step": 1}])
    return logged


def test_nothing_that_is_stored_runs(page: Page, addresses: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    prose = 0
    for address in addresses:
        page.goto(address)
        assert page.locator("h1").count() == 1, address  # it is the page, and no error's
        assert (
            page.evaluate(
                """() => [...document.querySelectorAll("main *")].filter((each) =>
                ["SCRIPT", "IFRAME", "STYLE", "OBJECT", "EMBED", "BASE"].includes(each.tagName)
                || (each.tagName === "IMG" && !each.src.startsWith(location.origin + "/"))
                || [...each.attributes].some((a) => a.name.startsWith("on"))
                || /^\\s*(javascript|data|vbscript):/i.test(each.getAttribute("href") ?? "")
            ).map((each) => each.outerHTML)"""
            )
            == []
        ), address
        for link in page.get_by_text("click", exact=True).all():
            link.click(force=True, no_wait_after=True)
        assert page.locator("html").get_attribute("lang") == "en", address
        prose += page.locator(".prose strong", has_text="bold").count()
    # Of run, experiment, model, version and request, and two comments.
    assert prose >= 7
    assert not [url for url in asked if "//spy.example" in url]
