"""/mlflow/server-info: how a client is to exchange files with this server."""

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
