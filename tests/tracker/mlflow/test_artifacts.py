"""/mlflow/artifacts/… and /get-artifact: the files of a run, by the run's id."""

from __future__ import annotations

import base64
import hashlib
import urllib.error
import urllib.request
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ...api import Api, Json

BODY = b"weights" * 1000
DIGEST = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
LEADING_OUT = ["..", "a/../../b", "/etc", "%2e%2e/x", "%252e%252e", "a\\b", "a\0b", "file:x"]


def ask(api: Api, call: str, **asked: Any) -> tuple[int, Json]:
    url = f"/api/2.0/mlflow/artifacts/{call}"
    if call == "list":
        answer = api.http.get(url, query_string=asked)
    else:
        answer = api.http.post(url, json=asked)
    assert answer.json is not None
    return answer.status_code, answer.json


def put(api: Api, run_id: str, path: str, body: bytes = BODY) -> None:
    url = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{path}"
    assert api.http.put(url, data=body).json == {}


def test_a_file_is_of_any_size_whatever_it_is_said_to_be(on_folder: Api) -> None:
    """curl calls every body a form, and of those the gate takes small ones only."""
    url = f"/api/2.0/mlflow-artifacts/artifacts/0/{on_folder.create_run()}/artifacts/large"
    form = "application/x-www-form-urlencoded"
    large = bytes(2**20)
    assert on_folder.http.put(url, data=large, content_type=form).json == {}
    assert on_folder.http.get(url).data == large


class TestList:
    def test_it_works(self, on_folder: Api) -> None:
        run_id = on_folder.create_run()
        for path in ("model/weights.bin", "model/code/train.py", "report.html"):
            put(on_folder, run_id, path)
        root = f"mlflow-artifacts:/0/{run_id}/artifacts"
        assert ask(on_folder, "list", run_id=run_id) == (
            200,
            {
                "root_uri": root,
                "files": [
                    {"path": "model", "is_dir": True},
                    {"path": "report.html", "is_dir": False, "file_size": len(BODY)},
                ],
            },
        )
        files = [
            {"path": "model/code", "is_dir": True},
            {"path": "model/weights.bin", "is_dir": False, "file_size": len(BODY)},
        ]
        for folder in ("model", "model/"):
            answer = ask(on_folder, "list", run_uuid=run_id, path=folder)
            assert answer == (200, {"root_uri": root, "files": files})

    @pytest.mark.parametrize("path", ["", "nothing/here", "report.html"])
    def test_what_is_no_folder_or_empty_has_no_files(self, on_folder: Api, path: str) -> None:
        run_id = on_folder.create_run()
        if path == "report.html":
            put(on_folder, run_id, path)
        root = f"mlflow-artifacts:/0/{run_id}/artifacts"
        assert ask(on_folder, "list", run_id=run_id, path=path) == (200, {"root_uri": root})

    @pytest.mark.parametrize("path", LEADING_OUT)
    def test_a_path_that_leads_out_is_refused(self, on_folder: Api, path: str) -> None:
        status, body = ask(on_folder, "list", run_id=on_folder.create_run(), path=path)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert "path" in body["message"]

    def test_an_unknown_run_is_404(self, on_folder: Api) -> None:
        assert ask(on_folder, "list", run_id="no")[0] == 404
        assert ask(on_folder, "list")[0] == 400


class TestGetArtifact:
    def get(self, api: Api, **query: str) -> TestResponse:
        return api.http.get("/get-artifact", query_string=query, buffered=True)

    def test_it_is_downloaded_and_never_run(self, on_folder: Api) -> None:
        run_id = on_folder.create_run()
        put(on_folder, run_id, "report.html", b"<script>alert(1)</script>")
        answer = self.get(on_folder, run_uuid=run_id, path="report.html")
        assert (answer.status_code, answer.data) == (200, b"<script>alert(1)</script>")
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]

    def test_it_refuses(self, on_folder: Api) -> None:
        run_id = on_folder.create_run()
        assert self.get(on_folder, run_id=run_id, path="nothing.txt").status_code == 404
        assert self.get(on_folder, run_id="0" * 32, path="a.txt").status_code == 404
        assert self.get(on_folder, run_id=run_id).status_code == 400
        for path in LEADING_OUT:
            assert self.get(on_folder, run_id=run_id, path=path).status_code == 400


class TestPresignedOnS3:
    def test_bytes_go_straight_to_s3_and_back(self, on_s3: Api) -> None:
        run_id = on_s3.create_run()
        file = {"run_id": run_id, "path": "model/weights.bin"}
        status, signed = ask(
            on_s3,
            "presigned-upload-url",
            **file,
            content_length=len(BODY),
            checksum_sha256=DIGEST,
        )
        assert (status, set(signed)) == (200, {"presigned_url", "headers"})
        assert send(signed["presigned_url"], signed["headers"], BODY) == 200
        assert ask(on_s3, "list", run_id=run_id, path="model")[1]["files"] == [
            {"path": "model/weights.bin", "is_dir": False, "file_size": len(BODY)}
        ]
        status, signed = ask(on_s3, "presigned-download-url", **file, expiration=60)
        with urllib.request.urlopen(signed["presigned_url"]) as answer:
            assert answer.read() == BODY
            assert answer.headers["Content-Disposition"].startswith("attachment")

    def test_s3_refuses_another_body(self, on_s3: Api) -> None:
        run_id = on_s3.create_run()
        _, signed = ask(
            on_s3,
            "presigned-upload-url",
            run_id=run_id,
            path="a.bin",
            content_length=len(BODY),
            checksum_sha256=DIGEST,
        )
        assert send(signed["presigned_url"], signed["headers"], BODY[::-1]) == 400
        assert "files" not in ask(on_s3, "list", run_id=run_id)[1]

    @pytest.mark.parametrize(
        ("call", "body", "status", "message"),
        [
            ("upload", {"run_id": "0" * 32}, 404, "not found"),
            ("upload", {"path": "../a"}, 400, "path"),
            ("upload", {"path": None}, 400, "Missing value for required parameter 'path'."),
            ("upload", {"content_length": -1}, 400, "content_length"),
            ("upload", {"content_length": None}, 400, "content_length"),
            ("upload", {"checksum_sha256": "abc"}, 400, "'checksum_sha256' must be the SHA-256"),
            ("upload", {"checksum_sha256": "é" * 44}, 400, "'checksum_sha256' must be the SHA-256"),
            ("download", {"path": "nothing.txt"}, 404, "No such artifact"),
            ("download", {"expiration": 0}, 400, "expiration"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, on_s3: Api, call: str, body: Json, status: int, message: str
    ) -> None:
        asked = {
            "run_id": on_s3.create_run(),
            "path": "a.bin",
            "content_length": 3,
            "checksum_sha256": DIGEST,
        }
        found, refusal = ask(on_s3, f"presigned-{call}-url", **{**asked, **body})
        assert found == status
        assert message in refusal["message"]


@pytest.mark.parametrize("call", ["upload", "download"])
def test_a_folder_has_no_presigned_urls(on_folder: Api, call: str) -> None:
    asked = {"path": "a", "content_length": 3, "checksum_sha256": DIGEST}
    run_id = on_folder.create_run()
    status, body = ask(on_folder, f"presigned-{call}-url", run_id=run_id, **asked)
    assert (status, body["error_code"]) == (501, "NOT_IMPLEMENTED")


def send(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status S3 answers a PUT with."""
    request = urllib.request.Request(url, data=body, headers=headers, method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


class TestUpload:
    PATH = "/ajax-api/2.0/mlflow/upload-artifact"

    def test_it_works(self, on_folder: Api) -> None:
        run_id = on_folder.create_run()
        query = {"run_uuid": run_id, "path": "notes/a b.txt"}
        answer = on_folder.http.post(self.PATH, query_string=query, data=BODY)
        assert (answer.status_code, answer.json) == (200, {})
        with on_folder.http.get("/get-artifact", query_string=query) as found:
            assert found.data == BODY

    @pytest.mark.parametrize(
        ("query", "size", "status", "message"),
        [
            ({}, 1, 400, "Missing value for required parameter 'run_id'."),
            ({"run_id": "x"}, 1, 400, "Missing value for required parameter 'path'."),
            ({"run_id": "x", "path": "a"}, 1, 404, "Run with id=x not found"),
            ({"path": "../a"}, 1, 400, "Invalid path"),
            ({"path": "a"}, 0, 400, "Request must specify data"),
            ({"path": "a"}, 10 * 2**20 + 1, 413, "larger than 10485760 bytes"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, on_folder: Api, query: Json, size: int, status: int, message: str
    ) -> None:
        if "path" in query:
            query = {"run_id": on_folder.create_run(), **query}
        answer = on_folder.http.post(self.PATH, query_string=query, data=bytes(size))
        assert answer.status_code == status
        assert answer.json is not None
        assert message in answer.json["message"]
