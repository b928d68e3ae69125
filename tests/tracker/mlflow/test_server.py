"""/mlflow/server-info, and what this server has not."""

from __future__ import annotations

import pytest

from ...api import Api

PATHS = ("/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")


@pytest.mark.parametrize("path", PATHS)
def test_with_a_folder_every_byte_goes_through_the_server(on_folder: Api, path: str) -> None:
    assert on_folder.get(path) == {
        "store_type": "SqlStore",
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "artifacts_presigned_only": False,
        "workspaces_enabled": False,
    }


@pytest.mark.parametrize("path", PATHS)
def test_with_s3_bytes_go_past_the_server(on_s3: Api, path: str) -> None:
    answer = on_s3.get(path)
    assert answer["multipart_uploads_enabled"] is True
    assert answer["multipart_downloads_enabled"] is True


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_there_are_no_workspaces(on_folder: Api, method: str) -> None:
    status, body = on_folder.refused(method, "/api/3.0/mlflow/workspaces")
    assert (status, body["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert "without workspaces support" in body["message"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_nor_is_there_one(on_folder: Api, method: str) -> None:
    assert on_folder.refused(method, "/api/3.0/mlflow/workspaces/a")[0] == 501


@pytest.mark.parametrize(
    "path", ["/3.0/mlflow/traces", "/3.0/mlflow/scorers/list", "/2.0/mlflow/traces"]
)
def test_what_is_for_language_models_is_not_there(on_folder: Api, path: str) -> None:
    for prefix in ("/api", "/ajax-api"):
        status, body = on_folder.refused("POST", prefix + path)
        assert (status, body["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
