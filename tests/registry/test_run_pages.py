"""The sides of a run's page, changing a run there, and a logged model's page."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from podium.registry.web.charts import MAX_CHARTS
from podium.registry.web.environment import _commit_link

from ..api import Api
from .conftest import elements

COMMIT = "9e459e8aabbccddeeff00112233445566778899a"


@pytest.fixture
def run_id(rest: Api) -> str:
    made = rest.post("/runs/create", experiment_id="0", run_name="one", tags=[])
    found: str = made["run"]["info"]["run_id"]
    return found


def put(pages: FlaskClient, run_id: str, path: str, body: bytes) -> None:
    answer = pages.put(
        f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{path}",
        input_stream=io.BytesIO(body),
        headers={"Content-Length": str(len(body))},
    )
    assert answer.status_code == 200


def html(pages: FlaskClient, page: str, query: Any = None, *, status: int = 200) -> str:
    answer = pages.get(page, query_string=query)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def log(rest: Api, run_id: str, *keys: str) -> None:
    for first in range(0, len(keys), 1000):
        points = [{"key": key, "value": 1, "timestamp": 1} for key in keys[first : first + 1000]]
        rest.post("/runs/log-batch", run_id=run_id, metrics=points)


class TestMetrics:
    def test_figures_stand_in_groups_and_there_is_an_end_to_them(
        self, pages: FlaskClient, rest: Api, run_id: str
    ) -> None:
        log(rest, run_id, "loss", "system/cpu", *(f"train/m{each:03}" for each in range(100)))
        page = elements(html(pages, f"/runs/{run_id}"))
        groups = [each["data-group"] for each in page.tags("details") if "data-group" in each]
        assert groups == ["", "train"]
        drawn = [each["data-key"] for each in page.tags("figure") if each.get("data-key")]
        assert drawn[:2] == ["loss", "train/m000"]
        assert len(drawn) == MAX_CHARTS
        told = [each["data-total"] for each in page.tags("span") if "data-total" in each]
        assert told == ["101"]

    def test_found_without_a_script(self, pages: FlaskClient, rest: Api, run_id: str) -> None:
        log(rest, run_id, "loss", "train/acc", "train/loss")
        page = elements(html(pages, f"/runs/{run_id}", {"q": "LOSS"}))
        assert [each["data-key"] for each in page.tags("figure") if each.get("data-key")] == [
            "loss",
            "train/loss",
        ]
        assert ("p", "2 of 3 metrics") in page.texts

    def test_those_of_the_machine_are_apart(
        self, pages: FlaskClient, rest: Api, run_id: str
    ) -> None:
        assert "Nothing was logged of the machine" in html(pages, f"/runs/{run_id}/system")
        log(rest, run_id, "loss", "system/gpu/0", "system/cpu")
        page = elements(html(pages, f"/runs/{run_id}/system"))
        groups = [each["data-group"] for each in page.tags("details") if "data-group" in each]
        assert groups == ["", "gpu"]

    def test_the_table_has_pages(self, pages: FlaskClient, rest: Api, run_id: str) -> None:
        log(rest, run_id, *(f"m{each:03}" for each in range(450)))
        first = html(pages, f"/runs/{run_id}/metrics")
        assert elements(first).texts.count(("th", "m199")) == 1
        assert "1 to 200 of 450" in first
        last = html(pages, f"/runs/{run_id}/metrics", {"from": "400"})
        assert "401 to 450 of 450" in last
        assert "Next page" not in last
        assert "No metric has" in html(pages, f"/runs/{run_id}/metrics", {"q": "none such"})
        assert "1 to 200" in html(pages, f"/runs/{run_id}/metrics", {"from": "-5"})

    @pytest.mark.parametrize("query", [{"smooth": "x"}, {"axis": "x"}, {"from": "x", "to": "1"}])
    def test_a_look_that_makes_no_sense_is_that_of_the_beginning(
        self, pages: FlaskClient, rest: Api, run_id: str, query: dict[str, str]
    ) -> None:
        log(rest, run_id, "loss")
        axes = elements(html(pages, f"/runs/{run_id}", query)).tags("input")
        [chosen] = [each for each in axes if each.get("name") == "axis" and "checked" in each]
        assert chosen["value"] == "step"


class TestChanges:
    @pytest.mark.parametrize(
        ("verb", "form", "shows"),
        [
            ("name", {"name": "two"}, ("h1", "two")),
            ("note", {"note": " what I saw\r\n\r\nthen "}, ("textarea", "what I saw\n\nthen")),
            ("tags", {"key": "team", "value": "vision"}, ("td", "vision")),
            ("delete", {}, ("button", "Restore it")),
        ],
    )
    def test_it_is_done_and_shown(
        self,
        pages: FlaskClient,
        run_id: str,
        verb: str,
        form: dict[str, str],
        shows: tuple[str, str],
    ) -> None:
        answer = pages.post(f"/runs/{run_id}/{verb}", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/runs/{run_id}")
        assert shows in elements(html(pages, f"/runs/{run_id}")).texts

    def test_a_tag_goes_and_a_run_comes_back(self, pages: FlaskClient, run_id: str) -> None:
        pages.post(f"/runs/{run_id}/tags", data={"key": "team", "value": "vision"})
        pages.post(f"/runs/{run_id}/tags/delete", data={"key": "team"})
        assert "vision" not in html(pages, f"/runs/{run_id}").replace("&#34;vision&#34;", "")
        pages.post(f"/runs/{run_id}/delete")
        pages.post(f"/runs/{run_id}/restore")
        assert "is deleted" not in html(pages, f"/runs/{run_id}")

    def test_a_refusal_is_told_and_what_was_typed_stays(
        self, pages: FlaskClient, run_id: str
    ) -> None:
        answer = pages.post(f"/runs/{run_id}/tags", data={"key": "a b?", "value": "kept"})
        assert answer.status_code == 400
        page = elements(answer.get_data(as_text=True))
        [refused] = [text for tag, text in page.texts if "tags[0].key" in text]
        assert refused
        assert [each["value"] for each in page.tags("input") if each.get("name") == "value"] == [
            "kept"
        ]

    def test_a_deleted_run_takes_no_note(self, pages: FlaskClient, run_id: str) -> None:
        pages.post(f"/runs/{run_id}/delete")
        assert pages.post(f"/runs/{run_id}/note", data={"note": "x"}).status_code == 400


class TestSides:
    def test_where_it_comes_from(self, pages: FlaskClient, rest: Api, run_id: str) -> None:
        assert "pip freeze" in html(pages, f"/runs/{run_id}/source")
        for key, value in {
            "mlflow.source.name": "train.py",
            "mlflow.source.git.commit": COMMIT,
            "mlflow.source.git.repoURL": "git@github.com:acme/vision.git",
        }.items():
            rest.post("/runs/set-tag", run_id=run_id, key=key, value=value)
        put(pages, run_id, "model/requirements.txt", b"numpy==2.1\n# a remark\n")
        page = elements(html(pages, f"/runs/{run_id}/source"))
        assert ("dd", "train.py") in page.texts
        assert {("th", "numpy"), ("td", "==2.1")} <= set(page.texts)
        [link] = [each for each in page.tags("a") if each.get("rel") == "noopener noreferrer"]
        assert link["href"] == f"https://github.com/acme/vision/commit/{COMMIT}"

    @pytest.mark.parametrize(
        "repository",
        ["", "javascript:alert(1)//", "http://plain/x", "/home/ada/x", "https://me:secret@host/x"],
    )
    def test_a_commit_leads_nowhere_else(self, repository: str) -> None:
        assert _commit_link(repository, COMMIT) == ""
        assert _commit_link("https://host/x", "../../y") == ""

    def test_the_end_of_a_log(self, pages: FlaskClient, run_id: str) -> None:
        assert "client.log_artifact" in html(pages, f"/runs/{run_id}/logs")
        put(pages, run_id, "logs/a.log", b"".join(b"line %05d\n" % each for each in range(10_000)))
        put(pages, run_id, "logs/b.log", b"caf\xe9 <b>\n")
        shown = html(pages, f"/runs/{run_id}/logs")
        assert "line 09999" in shown
        assert "line 00000" not in shown
        assert "The end of it is shown" in shown
        assert "caf\N{REPLACEMENT CHARACTER} &lt;b&gt;" in html(
            pages, f"/runs/{run_id}/logs", {"file": "b.log"}
        )
        html(pages, f"/runs/{run_id}/logs", {"file": "../secret"}, status=404)

    def test_what_led_to_what(self, pages: FlaskClient, rest: Api, run_id: str) -> None:
        data = {"name": "digits", "digest": "d", "source_type": "local", "source": "x"}
        rest.post("/runs/log-inputs", run_id=run_id, datasets=[{"dataset": data}])
        made = rest.post("/logged-models", experiment_id="0", name="net", source_run_id=run_id)
        model_id = made["model"]["info"]["model_id"]
        rest.post("/runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": 1}])
        rest.post("/registered-models/create", name="reader")
        put(pages, run_id, "model/f", b"x")
        rest.post("/model-versions/create", name="reader", source=f"runs:/{run_id}/model")
        rest.post(
            "/model-versions/transition-stage", name="reader", version="1", stage="Production"
        )
        page = elements(html(pages, f"/runs/{run_id}/lineage"))
        heads = [text for tag, text in page.texts if tag == "text"]
        for name in ("Data", "Run", "Logged models", "Versions", "Stages", "digits", "net"):
            assert name in heads
        curves = [each for each in page.tags("path") if set(each) == {"d"}]
        assert len(curves) == 4  # to the run, the model, the version, the stage
        links = {each.get("href") for each in page.tags("a")}
        assert {f"/logged-models/{model_id}", "/models/reader/versions/1"} <= links

    def test_what_it_has_made_is_registered(
        self, pages: FlaskClient, rest: Api, run_id: str
    ) -> None:
        put(pages, run_id, "model/f", b"x")
        path, ours = f"/runs/{run_id}/register", {"Origin": "http://localhost"}
        for number in (1, 2):
            made = pages.post(path, data={"model": " reader ", "path": "/model/"}, headers=ours)
            assert (made.status_code, made.location) == (303, f"/models/reader/versions/{number}")
        assert ("a", "reader, version 2") in elements(html(pages, f"/runs/{run_id}")).texts
        for wrong, said in (
            ({"model": "new", "path": "models"}, "There are no files at"),
            ({"model": "a/b", "path": "model"}, "name"),
            ({"model": "", "path": "model"}, "name"),
            ({"model": "new", "path": "../x"}, "source"),
        ):
            refused = pages.post(path, data=wrong, headers=ours)
            assert refused.status_code == 400
            assert said in refused.text
            typed = [each.get("value") for each in elements(refused.text).tags("input")]
            assert wrong["path"] in typed
        assert pages.get("/models/new").status_code == 404
        assert pages.post(f"/runs/{'f' * 32}/register", data={}, headers=ours).status_code == 404

    def test_a_logged_model(self, pages: FlaskClient, rest: Api, run_id: str) -> None:
        made = rest.post("/logged-models", experiment_id="0", name="net", source_run_id=run_id)
        model_id = made["model"]["info"]["model_id"]
        page = elements(html(pages, f"/logged-models/{model_id}"))
        assert {("h1", "net"), ("span", "pending"), ("a", "one")} <= set(page.texts)
        html(pages, "/logged-models/m-none", status=404)


class TestFiles:
    def test_pictures_of_steps_lead_to_one_another(self, pages: FlaskClient, run_id: str) -> None:
        for name in ("a_2.png", "a_10.png", "a_1.png", "b_3.png", "a.png"):
            put(pages, run_id, f"s/{name}", b"x")
        page = elements(html(pages, f"/runs/{run_id}/files", {"path": "s/a_2.png"}))
        steps = {each.get("rel"): each["href"] for each in page.tags("a") if each.get("rel")}
        assert steps["prev"].endswith("path=s%2Fa_1.png")
        assert steps["next"].endswith("path=s%2Fa_10.png")
        assert ("span", "step 2, 2 of 3") in page.texts
        assert "data-steps" not in html(pages, f"/runs/{run_id}/files", {"path": "s/b_3.png"})

    def test_as_mlflow_names_them(self, pages: FlaskClient, run_id: str) -> None:
        names = [f"dog+step+{each}+timestamp+17{each}+0a1b-2c.png" for each in (5, 30)]
        for name in names:
            put(pages, run_id, f"images/{name}", b"x")
        page = elements(html(pages, f"/runs/{run_id}/files", {"path": f"images/{names[0]}"}))
        assert ("span", "step 5, 1 of 2") in page.texts

    def test_a_page_is_framed_without_rights(self, pages: FlaskClient, run_id: str) -> None:
        put(pages, run_id, "report.html", b"<script>1</script>")
        [frame] = elements(html(pages, f"/runs/{run_id}/files", {"path": "report.html"})).tags(
            "iframe"
        )
        assert frame["sandbox"] == "allow-scripts"
        answer = pages.get(frame["src"])
        policy = answer.headers["Content-Security-Policy"]
        assert answer.get_data() == b"<script>1</script>"
        assert {"sandbox allow-scripts", "default-src 'none'", "frame-ancestors 'self'"} <= set(
            policy.split("; ")
        )
        assert "same-origin" not in policy
        put(pages, run_id, "not.txt", b"<script>1</script>")
        assert pages.get(f"/runs/{run_id}/frame?path=not.txt").status_code == 400
        assert pages.get(f"/runs/{run_id}/frame?path=../x.html").status_code == 400
