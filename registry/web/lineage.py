"""What led to what: data sets, run, logged models, versions, stages, what serves them, drawn from
left to right.

The drawing is made here, so that a page without a script has it; the template writes the same as a
list, for whoever cannot see a drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import url_for
from podium.client.entities import ModelVersion, RunSnapshot
from podium.client.errors import NotFound
from podium.client.launches import Launch
from podium.tracker import overview, runs
from podium.tracker.db import Database
from podium.tracker.overview import ModelOverview

from .. import versions
from ..launches import read

COLUMNS = ("Data", "Run", "Logged models", "Versions", "Stages", "Deployments")
# Of a kind so many are drawn; a word says how many more there are.
MAX_DRAWN = 12
_WIDTH, _HEIGHT, _GAP, _BETWEEN, _TOP = 184, 44, 12, 56, 28
_LETTERS = 22


@dataclass(frozen=True, slots=True)
class Node:
    """One thing; ``column`` is an index of :data:`COLUMNS`, ``here`` that the page is about it."""

    key: str
    column: int
    title: str
    kind: str
    link: str = ""
    here: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    node: Node
    x: int
    y: int

    @property
    def short(self) -> str:
        title = self.node.title
        return title if len(title) <= _LETTERS else f"{title[: _LETTERS - 1]}…"


@dataclass(frozen=True, slots=True)
class Drawing:
    """``heads`` are the columns that have something, with their x; ``lines`` are SVG paths."""

    width: int
    height: int
    heads: tuple[tuple[str, int], ...]
    nodes: tuple[Placed, ...]
    lines: tuple[str, ...]
    left_out: int
    box: tuple[int, int] = (_WIDTH, _HEIGHT)


@dataclass(frozen=True, slots=True)
class Lineage:
    nodes: Mapping[str, Node]
    edges: Sequence[tuple[str, str]]

    def after(self, node: Node) -> list[Node]:
        return [self.nodes[after] for before, after in self.edges if before == node.key]

    def drawing(self) -> Drawing:
        """Columns from left to right, each from the top; those without a node are left out."""
        placed: dict[str, Placed] = {}
        heads: list[tuple[str, int]] = []
        left_out = tallest = 0
        for name, members in self._columns():
            x = len(heads) * (_WIDTH + _BETWEEN)
            heads.append((name, x))
            left_out += max(0, len(members) - MAX_DRAWN)
            for row, node in enumerate(members[:MAX_DRAWN]):
                placed[node.key] = Placed(node, x, _TOP + row * (_HEIGHT + _GAP))
            tallest = max(tallest, min(len(members), MAX_DRAWN))
        lines = [
            _curve(placed[before], placed[after])
            for before, after in self.edges
            if before in placed and after in placed
        ]
        return Drawing(
            width=len(heads) * (_WIDTH + _BETWEEN) - _BETWEEN,
            height=_TOP + tallest * (_HEIGHT + _GAP),
            heads=tuple(heads),
            nodes=tuple(placed.values()),
            lines=tuple(lines),
            left_out=left_out,
        )

    def _columns(self) -> list[tuple[str, list[Node]]]:
        found = [
            (name, [each for each in self.nodes.values() if each.column == index])
            for index, name in enumerate(COLUMNS)
        ]
        return [(name, members) for name, members in found if members]


def of_run(db: Database, run: RunSnapshot) -> Lineage:
    found = versions.search_versions(
        db, filter=f"run_id = '{run.run_id}'", order_by=["name ASC", "version_number DESC"]
    ).items
    serving = _serving(db, found)
    return _lineage(run, overview.models_of(db, run.run_id), found, serving, here="run")


def of_version(db: Database, version: ModelVersion) -> Lineage:
    """Back to the data of its run, if that is still there and the caller's to see."""
    try:
        run = runs.get_run(db, version.run_id) if version.run_id else None
    except NotFound:
        run = None
    models = overview.models_of(db, run.run_id) if run else []
    mine = [each for each in models if each.model_id == version.model_id]
    return _lineage(run, mine, [version], _serving(db, [version]), here=_version_key(version))


def _serving(db: Database, found: Sequence[ModelVersion]) -> Sequence[Launch]:
    return read.list_serving(db, {(each.name, each.version) for each in found}) if found else ()


def _lineage(
    run: RunSnapshot | None,
    models: Sequence[ModelOverview],
    registered: Sequence[ModelVersion],
    serving: Sequence[Launch],
    here: str,
) -> Lineage:
    nodes: dict[str, Node] = {}
    edges: list[tuple[str, str]] = []

    def add(node: Node, *before: str) -> None:
        nodes.setdefault(node.key, node)
        edges.extend((each, node.key) for each in before if each in nodes)

    if run is not None:
        for used in run.datasets:
            data, context = used.dataset, used.context
            add(Node(f"data {data.name} {data.digest}", 0, data.name, context or "data set"))
        inputs = [model for model in models if model.step is None]
        for model in inputs:
            add(_model_node(model, 0, "read"))
        link = url_for("runs.page", run_id=run.run_id)
        add(Node("run", 1, run.run_name, run.state.lower(), link, here == "run"), *nodes)
        for model in models:
            if model.step is not None:
                add(_model_node(model, 2, "logged model"), "run")
    for version in registered:
        key = _version_key(version)
        link = url_for("models.version_page", name=version.name, version=version.version)
        model_key = f"model {version.model_id}"
        origin = model_key if model_key in nodes else "run"
        title = f"{version.name}, {version.version}"
        add(Node(key, 3, title, "version", link, here == key), origin)
        if version.stage != "None":
            model_page = url_for("models.page", name=version.name)
            stage = f"stage {version.name} {version.stage}"
            add(Node(stage, 4, version.stage, version.name, model_page), key)
    for launch in serving:
        stage = f"stage {launch.name} {launch.stage}"
        key = f"version {launch.name} {launch.version}"
        # A stage that a later version holds serves another one.
        add(_deployment(launch), stage if (key, stage) in edges else key)
    return Lineage(nodes, edges)


def _deployment(launch: Launch) -> Node:
    kind = f"{launch.target}, {launch.state.lower()}"
    link = url_for("launch_pages.page", launch_id=launch.launch_id)
    return Node(f"launch {launch.launch_id}", 5, launch.endpoint or launch.name, kind, link)


def _model_node(model: ModelOverview, column: int, kind: str) -> Node:
    link = url_for("logged_models.page", model_id=model.model_id)
    return Node(f"model {model.model_id}", column, model.name, kind, link)


def _version_key(version: ModelVersion) -> str:
    return f"version {version.name} {version.version}"


def _curve(before: Placed, after: Placed) -> str:
    """From the right edge of one to the left edge of the other."""
    x1, y1 = before.x + _WIDTH, before.y + _HEIGHT // 2
    x2, y2 = after.x, after.y + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"
