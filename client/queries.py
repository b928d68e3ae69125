"""What the server knows: these calls ask it, wait for the answer, and raise when there is none.

A read first lets what this process has logged arrive, for a few seconds at most, so that a script
can read what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import answers, session
from .entities import Experiment, RunSnapshot, ViewType
from .errors import BadRequest
from .rules import MAX_EXPERIMENT_TAG_VALUE, check_experiment_name, check_key, check_run_id
from .validation import as_mapping, as_text

_CATCH_UP_SECONDS = 5.0
_PAGE = 1000
_MLFLOW = "/api/2.0/mlflow"


def create_experiment(name: str, *, tags: Mapping[str, object] | None = None) -> Experiment:
    """Create an experiment; :class:`AlreadyExists` where there is one of this name.

    ``start_run`` and ``set_experiment`` need no such call: they create what is not there.
    """
    pairs = [
        {
            "key": check_key(key, "tags", kind="tag"),
            "value": as_text(value, f"tags[{key!r}]")[:MAX_EXPERIMENT_TAG_VALUE],
        }
        for key, value in as_mapping(tags or {}, "tags").items()
    ]
    body = {"name": check_experiment_name(name), "tags": pairs}
    server = session.current().server()
    created = server.request("POST", f"{_MLFLOW}/experiments/create", json=body).json()
    query = {"experiment_id": created.get("experiment_id", "")}
    return answers.experiment(
        server.request("GET", f"{_MLFLOW}/experiments/get", query=query).json()
    )


def get_experiment(name: str) -> Experiment:
    """The experiment of this name; :class:`NotFound` where there is none."""
    session.current().flush(_CATCH_UP_SECONDS)
    query = {"experiment_name": check_experiment_name(name)}
    server = session.current().server()
    return answers.experiment(
        server.request("GET", f"{_MLFLOW}/experiments/get-by-name", query=query).json()
    )


def get_run(run_id: str) -> RunSnapshot:
    """The run as it is now; :class:`NotFound` where there is none."""
    check_run_id(run_id)
    session.current().flush(_CATCH_UP_SECONDS)
    return fetch_run(run_id)


def fetch_run(run_id: str) -> RunSnapshot:
    server = session.current().server()
    answer = server.request("GET", f"{_MLFLOW}/runs/get", query={"run_id": run_id}).json()
    return answers.run(answer.get("run", {}))


def search_runs(
    experiments: str | Sequence[str] | None = None,
    filter: str = "",  # noqa: A002  (the word of the API)
    order_by: Sequence[str] = (),
    *,
    max_results: int | None = 1000,
    view: ViewType = ViewType.ACTIVE_ONLY,
) -> list[RunSnapshot]:
    """Runs of the experiments of these names (default: the one new runs go to).

    ``filter`` is as in ``"metrics.loss < 0.1 and params.model = 'mlp'"``, ``order_by`` as in
    ``["metrics.loss ASC"]``. ``max_results=None`` fetches all.
    """
    if max_results is not None and max_results < 1:
        raise BadRequest(f"'max_results' is {max_results}: it must be 1 or more, or None for all.")
    if isinstance(order_by, str):
        raise BadRequest(f"'order_by' must be a list of texts, as in [{order_by!r}].")
    names = [experiments] if isinstance(experiments, str) else experiments
    if names is None:
        names = [session.current().config.experiment or "Default"]
    body: dict[str, object] = {
        "experiment_ids": [get_experiment(name).experiment_id for name in names],
        "filter": filter,
        "order_by": list(order_by),
        "run_view_type": ViewType(view).value,
    }
    return _all_pages(body, max_results)


def _all_pages(body: dict[str, object], max_results: int | None) -> list[RunSnapshot]:
    server, found = session.current().server(), list[RunSnapshot]()
    while max_results is None or len(found) < max_results:
        size = _PAGE if max_results is None else min(_PAGE, max_results - len(found))
        answer = server.request(
            "POST", f"{_MLFLOW}/runs/search", json={**body, "max_results": size}
        ).json()
        found += [answers.run(each) for each in answer.get("runs", [])]
        if not answer.get("next_page_token"):
            break
        body = {**body, "page_token": answer["next_page_token"]}
    return found
