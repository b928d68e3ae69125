"""Speaking to the application under test as its clients do."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Json = dict[str, Any]


class Api:
    """JSON in, JSON out, over Flask's test client; MLflow's paths are given from ``/runs/…`` on."""

    def __init__(self, http: FlaskClient) -> None:
        self.http = http

    def get(self, path: str, **query: Any) -> Json:
        """The body of a GET that must succeed."""
        return _ok(self.http.get(_mlflow(path), query_string=query))

    def post(self, path: str, **body: Any) -> Json:
        """The body of a POST that must succeed."""
        return _ok(self.http.post(_mlflow(path), json=body))

    def refused(self, method: str, path: str, **body: Any) -> tuple[int, Json]:
        """Status and error body of a call that must be refused."""
        if method == "GET":
            response = self.http.get(_mlflow(path), query_string=body)
        else:
            response = self.http.open(_mlflow(path), method=method, json=body)
        assert response.status_code >= 400, response.get_data(as_text=True)
        return response.status_code, response.get_json()

    def create_run(self, **body: Any) -> str:
        run_id = self.post("/runs/create", experiment_id="0", **body)["run"]["info"]["run_id"]
        assert isinstance(run_id, str)
        return run_id


def _ok(response: TestResponse) -> Json:
    assert response.status_code == 200, response.get_data(as_text=True)
    body = response.get_json()
    assert isinstance(body, dict)
    return body


def _mlflow(path: str) -> str:
    return path if path.startswith(("/api", "/ajax-api")) else f"/api/2.0/mlflow{path}"
