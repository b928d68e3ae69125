"""From a filter to a rollback, as two people go: real pages, services and a worker; the cluster is
the API server of the unit tests, in which nothing runs but what the test says.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from ..registry.launch.apiserver import ApiServer, Object
from ..registry.launch.samples import IMAGE
from .site import NOON, Site
from .team import sign_in, team_on

SERVE = {"target": "deployment", "purpose": "serve", "image": IMAGE}


def soon(found: Callable[[], Any]) -> Any:
    """What the worker makes in its next turns."""
    deadline = time.monotonic() + 60
    while not (result := found()):
        assert time.monotonic() < deadline, "the worker has not come to it"
        time.sleep(0.1)
    return result


def serves(cluster: ApiServer, after: int = 0) -> int:
    """The Deployment of the stage, once it is of a later generation: its pods come up."""

    def newer() -> Any:
        return [each for each in cluster.all("Deployment") if _generation(each) > after]

    [found] = soon(newer)
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
    cluster.say(found, observedGeneration=_generation(found), **counts)
    return _generation(found)


def _generation(found: Object) -> int:
    return int(found["metadata"]["generation"])


def _fill(site: Site) -> str:
    """Five runs, of which the first is in Production already; the id of their experiment."""
    experiment = site.create_experiment("digits")
    for number, loss in enumerate((0.9, 0.5, 0.3, 0.2, 1.4)):
        run = site.create_run(experiment, f"mlp-{number}", params={"width": str(32 << number)})
        site.log(run, [("loss", loss, 0, NOON)])
        site.end(run)
        site.put_file(run, "model/MLmodel", b"flavors:\n  sklearn: {}\n")
        if number == 0:
            site.post("registered-models/create", name="digits")
            site.post("model-versions/create", name="digits", source=f"runs:/{run}/model")
    site.post("model-versions/transition-stage", name="digits", version="1", stage="Production")
    gates = [{"gate": "metric_vs_holder", "metric": "loss", "better": "lower"}]
    site.native("PUT", "models/*/policies/Production", {"approvals": 1, "gates": gates})
    rule = {"model": "*", "stage": "Production", "spec": SERVE}
    site.native("POST", "launch-rules", rule)
    return experiment


def test_from_a_filter_to_the_rollback(
    browser: Browser, complaints: list[str], tmp_path: Path
) -> None:
    with ApiServer().running() as cluster:
        main = {"kubeconfig": cluster.kubeconfig(tmp_path), "namespace": "team"}
        where = tmp_path / "site.json"
        tracking = {"uri": "http://podium.podium.svc", "secret": "podium-token"}
        clusters = {"clusters": {"main": main}, "namespaces": ["team"], "tracking": tracking}
        where.write_text(json.dumps(clusters))
        with (
            team_on(tmp_path / "data", {"PODIUM_LAUNCH_SITE": str(where)}) as team,
            browser.new_context(base_url=team.url) as hers,
            browser.new_context(base_url=team.url) as his,
        ):
            experiment = _fill(team.site)
            ada, bo = sign_in(hers, complaints, "ada"), sign_in(his, complaints, "bo")

            # She finds the good ones, and compares them.
            ada.goto(f"/experiments/{experiment}")
            ada.get_by_role("combobox", name="Filter").fill("metrics.loss < 0.4")
            ada.keyboard.press("Enter")
            expect(ada.locator("#runs tbody tr")).to_have_count(2)
            ada.get_by_label("Select every run of this page").check()
            ada.get_by_role("button", name="Compare").click()
            expect(ada.get_by_role("heading", level=1)).to_have_text("Compare 2 runs")
            beside = ada.get_by_role("region", name="Runs side by side")
            expect(beside.get_by_role("row", name="width")).to_contain_text("256")
            beside.get_by_role("link", name="mlp-3").click()

            # The better one is registered, and asked for.
            ada.get_by_text("Register…").click()
            ada.get_by_label("Model, a new one or one there is").fill("digits")
            ada.get_by_role("button", name="Register it").click()
            expect(ada.get_by_role("heading", level=1)).to_have_text("digits, version 2")
            ada.get_by_text("Promote…", exact=True).click()
            ada.get_by_role("combobox", name="To").select_option("Production")
            ada.get_by_role("textbox", name="Why").fill("Half the loss")
            ada.get_by_role("button", name="Promote version 2").click()
            expect(ada.get_by_role("region", name="It waits for")).to_contain_text("1 approval")
            assert cluster.all("Deployment") == [], "nothing is launched before it is approved"

            # He approves, and it is served.
            bo.goto("/models/digits")
            bo.get_by_role("link", name=re.compile("2 to Production")).click()
            bo.get_by_text("Approve…").click()
            bo.get_by_role("button", name="Approve").click()
            expect(bo.locator(".head .status")).to_have_text("done")
            first = serves(cluster)
            bo.goto("/models/digits/versions/2")
            launch = bo.get_by_role("table", name="Launches of this version, newest first")
            expect(launch).to_contain_text("ready", timeout=30_000)
            expect(bo.locator(".lineage svg")).to_contain_text("deployment, ready")
            launch.get_by_role("link").first.click()
            expect(bo.locator("main")).to_contain_text("http://digits")

            # It was worse by day, so the one before serves again.
            bo.goto("/models/digits/history")
            bo.get_by_text("Roll back Production…").click()
            bo.get_by_role("textbox", name="Why").fill("Worse by day")
            bo.get_by_role("button", name="Give Production back to version 1").click()
            expect(bo.get_by_role("region", name="Production")).to_contain_text("version 1")
            serves(cluster, first)
            bo.goto("/models/digits/versions/1")
            back = bo.get_by_role("table", name="Launches of this version, newest first")
            expect(back).to_contain_text("ready", timeout=30_000)
            bo.goto("/models/digits/versions/2")
            expect(launch).to_contain_text("replaced", timeout=30_000)
            expect(bo.locator(".lineage svg")).not_to_contain_text("Deployments")
