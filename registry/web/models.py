"""/models: all of them, the versions of one, and one version."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for
from podium.client.entities import ModelVersion, Page, RegisteredModel, RunSnapshot
from podium.client.errors import BadRequest, NotFound
from podium.tracker import runs
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.search import containing
from podium.tracker.services import services

from .. import prompts, registered, version_files, versions
from ..diff import VersionDiff, diff_versions
from ..inspection import service as inspection
from ..promotion import board, comments, history, read
from ..promotion.schema import signature_of
from . import lineage
from .access import may_share
from .answers import answer, link, link_to
from .files import Files, Place, look
from .launches import of_version

models = Blueprint("models", __name__, url_prefix="/models")

_PAGE = 50
_FEW = 20
# Tags beginning so are bookkeeping between clients and servers.
_SYSTEM = ("mlflow.", "podium.")


@models.get("")
@allow(READ)
def listing() -> Response:
    """All models by name; ``q`` is a part of it."""
    text = request.args.get("q", "")
    found: Page[RegisteredModel] = Page(())
    refused = ""
    try:
        found = registered.search_models(
            services().db,
            filter=f"name ILIKE {containing(text)}" if text else "",
            max_results=_PAGE,
            page_token=request.args.get("page") or None,
        )
    except BadRequest as error:
        refused = error.message
    return answer("models.html", refused, page=found, q=text, link=link)


@models.get("/<name>")
@allow(READ)
def page(name: str) -> Response:
    """A model by stages, and its versions: all, those in a stage, or those that a filter finds."""
    return model_page(name)


def model_page(name: str, *, denied: str = "", typed: Mapping[str, str] | None = None) -> Response:
    """``denied`` is why a promotion, asked for by the form that said ``typed``, was refused."""
    model = registered.get_model(services().db, name)
    text, stage = request.args.get("filter", ""), request.args.get("stage", "")
    found: Page[ModelVersion] = Page(())
    refused = ""
    try:
        found = versions.search_versions(
            services().db,
            name=name,
            stage=stage or None,
            filter=text,
            order_by=["version_number DESC"],
            max_results=_PAGE,
            page_token=request.args.get("page") or None,
        )
    except BadRequest as error:
        refused = error.message
    return answer(
        "model.html",
        refused,
        model=model,
        sharing=may_share("model", model.name),
        tags=_chosen(model.tags),
        board=board.board(services().db, name),
        denied=denied,
        typed=typed or {},
        page=found,
        filter=text,
        stage=stage,
        link=partial(link_to, url_for("models.page", name=name)),
    )


@models.get("/<name>/versions/<version>")
@allow(READ)
def version_page(name: str, version: str) -> Response:
    return one_version(name, version)


def one_version(
    name: str, version: str, *, denied: str = "", typed: Mapping[str, str] | None = None
) -> Response:
    """``denied`` is why what the form that said ``typed`` asked for was refused."""
    db = services().db
    found = versions.get_version(db, name, version)
    others = _others(found)
    holder = next((each.version for each in others if each.stage == "Production"), None)
    report = inspection.report(db, name, version) if found.storage_location else None
    # Before what tells of them in passing: a launch that ends meanwhile is asked for once more.
    launched = of_version(name, found.version)
    return make_response(
        render_template(
            "model_version.html",
            shown=found,  # the version of Podium is called so in every template
            run=_run(found),
            tags=_chosen(found.tags),
            prompt=found.tags.get(prompts.TEXT_TAG),
            choices=board.choices(db, name, version),
            requests=read.list_requests(db, name, version=version, max_results=_FEW).items,
            steps=history.list_transitions(db, name, version=version, max_results=_FEW).items,
            comments=comments.comments_on_version(db, name, version),
            report=report,
            signature=signature_of(report.model) if report else None,
            lineage=lineage.of_version(db, found),
            others=others,
            holder=holder,
            diff=_beside(found, request.args.get("against") or holder),
            everything="all" in request.args,
            link=partial(link_to, url_for("models.version_page", name=name, version=version)),
            files=_files(found) if found.storage_location else None,
            launches=launched,
            denied=denied,
            typed=typed or {},
        )
    )


@models.get("/<name>/versions/<version>/files")
@allow(READ)
def version_page_files(name: str, version: str) -> Response:
    """The files alone, for a page that has the rest; without a script, the whole page."""
    if request.headers.get("HX-Request") != "true":
        return one_version(name, version)
    found = _files(versions.get_version(services().db, name, version))
    return make_response(render_template("files.html", files=found))


def _others(version: ModelVersion) -> list[ModelVersion]:
    """The versions to compare with: the highest of each stage, and the one before."""
    db = services().db
    found = {each.version: each for each in versions.latest_versions(db, version.name)}
    before = versions.search_versions(
        db,
        name=version.name,
        filter=f"version_number < {version.version}",
        order_by=["version_number DESC"],
        max_results=1,
    ).items
    found.update({each.version: each for each in before})
    found.pop(version.version, None)
    return sorted(found.values(), key=lambda each: -each.version)


def _beside(version: ModelVersion, against: str | int | None) -> VersionDiff | None:
    """What is different from another version, if there is one."""
    if against is None or str(against) == str(version.version):
        return None
    return diff_versions(
        services().db,
        version.name,
        against,
        version.version,
        everything="all" in request.args,
    )


def _chosen(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that somebody chose."""
    return {key: value for key, value in tags.items() if not key.startswith(_SYSTEM)}


def _run(version: ModelVersion) -> RunSnapshot | None:
    """The run that made it, if it is still there."""
    try:
        return runs.get_run(services().db, version.run_id) if version.run_id else None
    except NotFound:
        return None


def _files(version: ModelVersion) -> Files:
    name, number = version.name, version.version
    place = Place(
        root=version_files.root_of(services().db, name, number),
        page=url_for("models.version_page_files", name=name, version=number),
        download=url_for("model-version-files.get_artifact", name=name, version=number),
        nothing="There are no files where this version was registered from.",
    )
    return look(services().store, place, request.args.get("path", ""))
