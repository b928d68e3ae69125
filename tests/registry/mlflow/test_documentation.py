"""docs/mlflow.md lists MLflow's calls, no fewer and no more than are answered."""

from __future__ import annotations

import re
from pathlib import Path

from ...api import Api

DOCUMENT = Path(__file__).parents[3] / "docs" / "mlflow.md"
_CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/\S+)`")
_WHOLE = ("/api/", "/get-artifact", "/model-versions/")
_OURS = "/api/v1/"


def test_every_call_is_listed_and_every_listed_call_is_there(rest: Api) -> None:
    listed = {
        (method, path if path.startswith(_WHOLE) else f"/api/2.0{path}")
        for method, path in _CALL.findall(DOCUMENT.read_text())
        if not path.startswith(_OURS)
    }
    served = {
        (method, re.sub(r"<path:(\w+)>", r"<\1>", rule.rule))
        for rule in rest.http.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(_WHOLE) and not rule.rule.startswith(_OURS)
    }
    assert listed == served


def test_each_is_served_under_both_prefixes(rest: Api) -> None:
    rules = {rule.rule for rule in rest.http.application.url_map.iter_rules()}
    mlflows = {rule for rule in rules if re.match(r"/api/[23]\.0/", rule)}
    assert {rule.replace("/api/", "/ajax-api/", 1) for rule in mlflows} <= rules
