"""Launching from a page: the form, its dry run, and what is refused beside its field."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient
from podium.client.errors import NotFound, PermissionDenied
from podium.registry.app import create_app
from podium.registry.launch.example import example, outline
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.files import read_file
from podium.registry.launch.targets import TARGETS
from podium.registry.web.launch_form import Typed, places
from podium.tracker import runs
from podium.tracker.config import Config

from ..launch.samples import IMAGE
from .conftest import SERVE, TRAIN, World

SHOWN = ("target", "purpose", "name", "image", "model", "version", "stage", "run")


@pytest.fixture
def pages(world: World, sqlite_url: str) -> FlaskClient:
    config = Config(database_url=sqlite_url, artifacts=world.artifacts, launch_site=world.path)
    client = create_app(config, db=world.db, store=world.store).test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def post(pages: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    found = pages.post(path, data=form, headers={"Origin": "http://localhost"})
    return found.status_code, found.text


def beside(page: str, field: str) -> str:
    """What is said to be wrong with a field, where it is tied to it."""
    assert f'aria-describedby="wrong-{field}"' in page
    found = re.search(rf'id="wrong-{field}" role="alert">(.*?)</p>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


FORM = {"target": "job", "purpose": "train", "image": IMAGE, "model": "churn", "version": "1"}


class TestWhatIsTyped:
    @pytest.mark.parametrize("target", TARGETS)
    def test_the_outline_is_the_example_shut(self, target: str) -> None:
        """Taking every "#" away leaves it; leaving them all leaves what is needed."""
        text = Typed(target=target).settled().text
        whole = "\n".join(
            line if re.match(r"# \S", line) else line.removeprefix("#")
            for line in text.splitlines()
        )
        said = read_file(example(target))
        assert read_file(whole) == {name: each for name, each in said.items() if name not in _ABOVE}
        open_ = {each for each in text.splitlines() if each and not each.startswith("#")}
        found = TARGETS[target]
        options = any(each.required for each in found.OPTIONS().fields.values())
        assert bool(open_) is bool(found.NEEDS - {"image", "storage"} or options)

    def test_both_parts_make_one_spec(self) -> None:
        typed = Typed.read({**FORM, "named": "small", "text": "#a: 1\r\nworkers: 2\r\n"})
        assert typed.spec() == {
            "target": "job",
            "purpose": "train",
            "image": IMAGE,
            "source": {"model": "churn", "version": 1},
            "resources": {"class": "small"},
            "workers": 2,
        }

    def test_comments_alone_say_nothing(self) -> None:
        assert Typed.read({**FORM, "text": outline("job", without=())}).spec()["image"] == IMAGE

    def test_a_whole_spec_may_be_pasted(self) -> None:
        pasted = f"target: job\npurpose: train\nimage: {IMAGE}\nname: x\n"
        typed = Typed(target="job", purpose="train", text=pasted)
        assert typed.spec() == read_file(pasted)

    def test_two_parts_that_contradict(self) -> None:
        with pytest.raises(InvalidLaunch) as wrong:
            Typed.read({**FORM, "text": "target: deployment\nimage: x"}).spec()
        assert [each.split(",")[0] for each in wrong.value.faults] == [
            "text: says target",
            "text: says image",
        ]

    @pytest.mark.parametrize("spec", [TRAIN, SERVE, {**TRAIN, "resources": {"cpu": "2"}}])
    def test_what_was_launched_comes_back(self, spec: dict[str, object]) -> None:
        whole = {**spec, "source": {"model": "churn", "version": 3, "stage": "Staging"}}
        whole |= {"env": {"A": "x: y\n# no comment"}, "name": "again"}
        assert Typed.of_spec(whole).settled().spec() == whole

    def test_another_target_has_another_outline_and_keeps_what_was_typed(self) -> None:
        first = Typed(target="job").settled()
        second = Typed(target="deployment", text=first.text, begun=first.begun).settled()
        assert second.text == outline("deployment", without=_ABOVE).rstrip()
        assert second.purpose == "serve"
        typed = Typed(target="deployment", text="workers: 3", begun="job").settled()
        assert typed.text == "workers: 3"

    def test_what_is_wrong_stands_beside_its_field(self) -> None:
        faults = ["image: must be", "resources.class: is none", "workers: must", "source.run: is"]
        assert places(InvalidLaunch(faults), SHOWN) == {
            "image": "must be",
            "run": "is",
            "text": "resources.class: is none\nworkers: must",
        }
        assert places(NotFound("Run with id=x not found"), SHOWN) == {
            "run": "Run with id=x not found"
        }
        denied = PermissionDenied("source.model: is missing. You may")
        assert places(denied, SHOWN) == {"model": "is missing. You may"}
        assert places(PermissionDenied("You are viewer"), SHOWN) == {"": "You are viewer"}


_ABOVE = ("target", "purpose", "name", "cluster", "image", "source")


class TestThePage:
    def test_from_where_one_comes(self, world: World, pages: FlaskClient) -> None:
        version = world.version()
        world.start(TRAIN)
        assert "/launches/new" in pages.get("/launches").text
        link = "/launches/new?model=churn&amp;version=1"
        assert link in pages.get(f"/models/churn/versions/{version}").text
        run = runs.create_run(world.db, experiment_id="0").run_id
        assert f"/launches/new?run={run}" in pages.get(f"/runs/{run}").text
        page = pages.get("/launches/new?model=churn&version=1").text
        assert 'name="model" value="churn"' in page
        assert "#workers:" in page

    def test_a_dry_run_and_a_start(self, world: World, pages: FlaskClient) -> None:
        world.version()
        status, page = post(pages, "/launches/dry-run", **FORM)
        assert status == 200
        assert "accepted" in page
        assert "kind: Job" in page
        assert f'value="{IMAGE}"' in page  # what was typed stays
        assert world.launches() == []
        assert world.server.objects == {}
        found = pages.post("/launches", data=FORM, headers={"Origin": "http://localhost"})
        [launch] = world.launches()
        assert found.status_code == 303
        assert found.location == f"/launches/{launch.launch_id}"
        assert (launch.name, launch.version, launch.purpose) == ("churn", 1, "train")

    def test_again(self, world: World, pages: FlaskClient) -> None:
        world.version()
        launch = world.start(TRAIN, workers=3)
        address = f"/launches/new?again={launch.launch_id}"
        assert address in pages.get(f"/launches/{launch.launch_id}").text
        page = pages.get(address).text
        assert f'value="{IMAGE}"' in page
        assert "workers: 3" in page
        assert 'name="stage" value="Staging"' in page

    def test_faults_stand_beside_their_fields(self, world: World, pages: FlaskClient) -> None:
        world.version()
        text = "workers: 0\nimag: x"
        wrong = {**FORM, "image": "reg/train:1", "version": "one", "text": text}
        for path in ("/launches/dry-run", "/launches"):
            status, page = post(pages, path, **{**wrong, "version": "1"})
            assert status == 400
            assert "must be an image by digest" in beside(page, "image")
            assert "workers: must be a whole number" in beside(page, "text")
            assert "imag: is no field here; did you mean image?" in beside(page, "text")
            assert "workers: 0\nimag: x</textarea>" in page
        assert world.launches() == []
        status, page = post(pages, "/launches", **{**FORM, "version": "9"})
        assert status == 404
        assert "not found" in beside(page, "model")
        status, page = post(pages, "/launches", **{**FORM, "target": "nomad"})
        assert status == 400
        assert "'nomad' is none" in beside(page, "target")
        status, page = post(pages, "/launches", **{**FORM, "text": "a: [1"})
        assert "neither YAML nor JSON" in beside(page, "text")

    def test_a_cluster_that_is_away(self, world: World, pages: FlaskClient) -> None:
        world.version()
        world.server.down = True
        status, page = post(pages, "/launches/dry-run", **FORM)
        assert status == 200
        assert "It could not be tried out now." in page
        assert "kind: Job" in page

    def test_what_is_hostile_is_shown_as_it_is(self, world: World, pages: FlaskClient) -> None:
        world.version()
        bad = "</textarea><script>alert(1)</script>\"'"
        form = {**FORM, "text": f"args: [{bad!r}]", "stage": bad, "name": bad}
        _, page = post(pages, "/launches/dry-run", **form)
        assert "<script>alert" not in page
        assert page.count("</textarea>") == 1

    def test_where_no_cluster_is_named(self, world: World, pages: FlaskClient) -> None:
        world.path.write_text("{}")
        assert "Nothing can be launched yet" in pages.get("/launches/new").text


class TestRules:
    SPEC = f"target: job\npurpose: evaluate\nimage: {IMAGE}\n"
    RULE = {"model": "ch*", "stage": "staging", "spec": SPEC}  # noqa: RUF012

    def test_a_dry_run_is_of_the_newest_version(self, world: World, pages: FlaskClient) -> None:
        status, page = post(pages, "/launch-rules/dry-run", **self.RULE)
        assert (status, "for version 1 of a model" in page) == (200, True)
        world.version()
        world.version()
        status, page = post(pages, "/launch-rules/dry-run", **self.RULE)
        assert "for version 2 of churn" in page
        assert "accepted" in page
        assert "None yet." in page  # it does not hold
        world.server.fail.append((400, 'strict decoding error: unknown field "spec.foo"'))
        _, page = post(pages, "/launch-rules/dry-run", **self.RULE)
        assert "The API server refused spec.foo" in page

    def test_faults_stand_beside_their_fields(self, world: World, pages: FlaskClient) -> None:
        assert world.launches() == []
        for path in ("/launch-rules/dry-run", "/launch-rules"):
            status, page = post(pages, path, **{**self.RULE, "model": "a/b"})
            assert status == 400
            assert "a pattern of names" in beside(page, "model")
            _, page = post(pages, path, **{**self.RULE, "stage": "Nowhere"})
            assert "Value must be one of" in beside(page, "stage")
            _, page = post(pages, path, **{**self.RULE, "spec": self.SPEC + "workers: 0"})
            assert "workers: must be" in beside(page, "spec")

    def test_one_is_changed(self, world: World, pages: FlaskClient) -> None:
        assert post(pages, "/launch-rules", **self.RULE)[0] == 303
        page = pages.get("/launch-rules").text
        change = re.search(r'href="(/launch-rules\?change=\d+)#another"', page)
        assert change
        page = pages.get(change[1]).text
        assert 'value="ch*"' in page
        assert "purpose: evaluate" in page.partition("<textarea")[2]
        assert world.launches() == []
