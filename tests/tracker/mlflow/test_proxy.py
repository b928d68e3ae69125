"""/mlflow-artifacts/…: files by their place in the store, through the server or around it."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from ...api import Api, Json
from .test_artifacts import LEADING_OUT, send

AREA = "/api/2.0/mlflow-artifacts"
BODY = bytes(range(256)) * 40
PART = 5 * 1024 * 1024  # S3 takes no smaller one but the last


def digest(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def get(api: Api, path: str, **options: Any) -> TestResponse:
    return api.http.get(f"{AREA}/artifacts/{path}", buffered=True, **options)


def put(api: Api, path: str, body: bytes = BODY, **headers: str) -> TestResponse:
    return api.http.put(f"{AREA}/artifacts/{path}", data=body, headers=headers)


def files(api: Api, folder: str = "") -> list[Json]:
    answer = api.http.get(f"{AREA}/artifacts", query_string={"path": folder})
    assert answer.status_code == 200
    assert answer.json is not None
    found = answer.json.get("files", [])
    assert isinstance(found, list)
    return found


@pytest.fixture(params=["on_folder", "on_s3"])
def server(request: pytest.FixtureRequest) -> Api:
    """The proxy does the same over either store."""
    api = request.getfixturevalue(request.param)
    assert isinstance(api, Api)
    return api


class TestFiles:
    def test_it_works(self, server: Api) -> None:
        stored = put(server, "0/run/artifacts/model/weights.bin")
        assert (stored.status_code, stored.json) == (200, {})
        answer = get(server, "0/run/artifacts/model/weights.bin")
        assert (answer.status_code, answer.data) == (200, BODY)
        assert answer.content_length == len(BODY)
        assert answer.content_type == "application/octet-stream"
        assert files(server, "0/run/artifacts") == [{"path": "model", "is_dir": True}]
        assert files(server, "0/run/artifacts/model") == [
            {"path": "weights.bin", "is_dir": False, "file_size": len(BODY)}
        ]
        ajax = server.http.get("/ajax-api/2.0/mlflow-artifacts/artifacts?path=0")
        assert ajax.json == {"files": [{"path": "run", "is_dir": True}]}
        gone = server.http.delete(f"{AREA}/artifacts/0/run")
        assert (gone.status_code, gone.json) == (200, {})
        assert files(server, "0/run/artifacts/model") == []
        assert server.http.delete(f"{AREA}/artifacts/0/run").status_code == 200
        missing = get(server, "0/run/artifacts/model/weights.bin")
        assert missing.status_code == 404
        assert missing.json is not None
        assert missing.json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
        assert missing.json["message"].startswith("No such artifact")

    @pytest.mark.parametrize("body", [b"", b"\0", b"new" * 1000])
    def test_a_later_body_replaces_the_earlier(self, server: Api, body: bytes) -> None:
        put(server, "0/a.bin")
        put(server, "0/a.bin", body)
        assert get(server, "0/a.bin").data == body

    def test_a_damaged_body_is_not_stored(self, server: Api) -> None:
        checksum = {"X-Podium-Checksum-SHA256": digest(BODY)}
        assert put(server, "0/a.bin", BODY, **checksum).status_code == 200
        refused = put(server, "0/a.bin", BODY[:-1], **checksum)
        assert (refused.status_code, get(server, "0/a.bin").data) == (400, BODY)
        for wrong in ("", "abc", digest(BODY)[:-4], "é"):
            refused = put(server, "0/b.bin", BODY, **{"X-Podium-Checksum-SHA256": wrong})
            assert refused.status_code == 400
            assert refused.json is not None
            assert "X-Podium-Checksum-SHA256" in refused.json["message"]
        assert [file["path"] for file in files(server, "0")] == ["a.bin"]

    def test_a_body_cut_short_is_not_stored(self, server: Api) -> None:
        refused = server.http.put(
            f"{AREA}/artifacts/0/a.bin",
            data=BODY,
            environ_overrides={"CONTENT_LENGTH": str(len(BODY) + 1)},
        )
        assert refused.status_code == 400
        assert files(server) == []

    def test_a_connection_that_breaks_is_not_the_stores_failure(self, server: Api) -> None:
        class Broken(io.RawIOBase):
            def read(self, size: int = -1) -> bytes:
                raise OSError("no more data")

        refused = server.http.put(
            f"{AREA}/artifacts/0/a.bin",
            environ_overrides={"wsgi.input": Broken(), "wsgi.input_terminated": True},
        )
        assert refused.status_code == 400
        assert refused.json is not None
        assert "broke off" in refused.json["message"]
        assert files(server) == []

    def test_names_of_any_script_and_with_spaces(self, server: Api) -> None:
        for name in ("отчёт 1.txt", "%E6%97%A5%E6%9C%AC.txt", "a+b&c=d.txt", "it's 10:30.txt"):
            assert put(server, name).status_code == 200
            answer = get(server, name)
            assert answer.data == BODY
            answer.headers["Content-Disposition"].encode("latin-1")
        names = [file["path"] for file in files(server)]
        assert names == sorted(["отчёт 1.txt", "日本.txt", "a+b&c=d.txt", "it's 10:30.txt"])

    @pytest.mark.parametrize(
        "path",
        [
            "../a",
            "0/../../a",
            "0/%2e%2e/a",
            "0/%252e%252e/a",
            "0/%25252e%25252e/a",
            "0%5c..%5ca",
            "0//a",
            "0/./a",
            "0/a%00.txt",
            "0/a%ff",
            "0/a%23b",
            "0/a%3Fb",
            "C:/a",
            "file:/a",
            "0/\uff0e\uff0e/a",
            "0/" + "a" * 256,
            "a/" * 600 + "a",
            "0/a/",
        ],
    )
    def test_a_path_that_is_no_plain_one_is_refused(self, on_folder: Api, path: str) -> None:
        for method in ("PUT", "GET", "DELETE"):
            answer = on_folder.http.open(f"{AREA}/artifacts/{path}", method=method, data=BODY)
            assert answer.json is not None
            assert (answer.status_code, answer.json["error_code"]) == (
                400,
                "INVALID_PARAMETER_VALUE",
            ), method
        assert files(on_folder) == []

    @pytest.mark.parametrize("path", ["/etc/passwd", "%2Fetc/passwd", ""])
    def test_an_absolute_path_is_of_no_file(self, on_folder: Api, path: str) -> None:
        assert put(on_folder, path).status_code in (404, 405)
        assert files(on_folder) == []

    @pytest.mark.parametrize("path", LEADING_OUT)
    def test_a_folder_that_leads_out_is_not_listed(self, on_folder: Api, path: str) -> None:
        answer = on_folder.http.get(f"{AREA}/artifacts", query_string={"path": path})
        assert answer.status_code == 400

    def test_a_file_in_the_way_is_the_callers_mistake(self, on_folder: Api) -> None:
        put(on_folder, "0/a")
        assert put(on_folder, "0/a/b").status_code == 400
        assert put(on_folder, "0").status_code == 400
        assert get(on_folder, "0").status_code == 404
        assert get(on_folder, "0/a").data == BODY


class TestDownload:
    @pytest.mark.parametrize(
        ("name", "content_type"),
        [
            ("page.html", "text/html"),
            ("plot.png", "image/png"),
            ("data.json", "application/json"),
            ("MLmodel", "text/plain; charset=utf-8"),
            ("conda.yaml", "text/plain; charset=utf-8"),
            ("weights", "application/octet-stream"),
        ],
    )
    def test_no_browser_runs_it(self, on_folder: Api, name: str, content_type: str) -> None:
        put(on_folder, name)
        headers = get(on_folder, name).headers
        assert headers["Content-Type"] == content_type
        assert headers["Content-Disposition"] == f"attachment; filename={name}"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"

    @pytest.mark.parametrize(
        ("asked", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            ("bytes=10-", 10, None),
            ("bytes=-7", -7, None),
        ],
    )
    def test_a_range_is_sent_alone(
        self, server: Api, asked: str, start: int, stop: int | None
    ) -> None:
        put(server, "a.bin")
        answer = get(server, "a.bin", headers={"Range": asked})
        assert (answer.status_code, answer.data) == (206, BODY[start:stop])
        first = start % len(BODY)
        last = first + len(answer.data) - 1
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(BODY)}"

    def test_a_range_beyond_the_end_is_416(self, on_folder: Api) -> None:
        put(on_folder, "a.bin")
        answer = get(on_folder, "a.bin", headers={"Range": f"bytes={len(BODY)}-"})
        assert (answer.status_code, answer.headers["Content-Range"]) == (
            416,
            f"bytes */{len(BODY)}",
        )

    @pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=x"])
    def test_any_other_range_gets_the_whole(self, on_folder: Api, asked: str) -> None:
        put(on_folder, "a.bin")
        answer = get(on_folder, "a.bin", headers={"Range": asked})
        assert (answer.status_code, answer.data) == (200, BODY)

    def test_head_says_how_large_it_is(self, on_folder: Api) -> None:
        put(on_folder, "a.bin")
        answer = on_folder.http.head(f"{AREA}/artifacts/a.bin", buffered=True)
        assert (answer.status_code, answer.content_length, answer.data) == (200, len(BODY), b"")


class TestMultipart:
    def begin(self, api: Api, **body: object) -> TestResponse:
        return api.http.post(f"{AREA}/mpu/create/0/run/artifacts", json={"path": "a.bin", **body})

    @pytest.mark.parametrize("path", ["/home/me/a.bin", "../../a.bin", r"C:\me\a.bin"])
    def test_of_the_clients_own_path_the_name_counts(self, on_s3: Api, path: str) -> None:
        begun = self.begin(on_s3, num_parts=1, path=path)
        assert begun.json is not None
        [part] = begun.json["credentials"]
        assert urlsplit(part["url"]).path.endswith("/0/run/artifacts/a.bin")

    def test_it_works(self, on_s3: Api) -> None:
        bodies = [b"a" * PART, b"the end"]
        begun = self.begin(on_s3, num_parts=2).json
        assert begun is not None
        parts = []
        for body, part in zip(bodies, begun["credentials"], strict=True):
            assert set(part) == {"url", "part_number", "headers"}
            request = urllib.request.Request(
                part["url"], data=body, headers=part["headers"], method="PUT"
            )
            with urllib.request.urlopen(request) as answer:
                etag = answer.headers["ETag"]
            parts.append({"part_number": part["part_number"], "etag": etag, "url": part["url"]})
        end = {"path": "a.bin", "upload_id": begun["upload_id"]}
        for _ in range(2):  # a client whose answer was lost asks again
            done = on_s3.http.post(
                f"{AREA}/mpu/complete/0/run/artifacts", json={**end, "parts": parts}
            )
            assert (done.status_code, done.json) == (200, {})

        signed = on_s3.http.get(f"{AREA}/presigned/0/run/artifacts/a.bin").json
        assert signed is not None
        assert signed["file_size"] == PART + len(bodies[1])
        request = urllib.request.Request(signed["url"], headers=signed["headers"])
        with urllib.request.urlopen(request) as answer:
            assert answer.read() == b"".join(bodies)

    def test_s3_refuses_a_damaged_part(self, on_s3: Api) -> None:
        begun = self.begin(on_s3, num_parts=1, part_checksums_sha256=[digest(BODY)]).json
        assert begun is not None
        [part] = begun["credentials"]
        assert send(part["url"], part["headers"], BODY[::-1]) == 400

    @pytest.mark.parametrize("told", [{}, {"checksum_sha256": "short"}])
    def test_parts_with_checksums(self, on_s3: Api, told: dict[str, str]) -> None:
        begun = self.begin(on_s3, num_parts=1, part_checksums_sha256=[digest(BODY)]).json
        assert begun is not None
        [part] = begun["credentials"]
        request = urllib.request.Request(
            part["url"], data=BODY, headers=part["headers"], method="PUT"
        )
        with urllib.request.urlopen(request) as answer:
            sent = {"part_number": 1, "etag": answer.headers["ETag"]}
        end = {"path": "a.bin", "upload_id": begun["upload_id"]}
        complete = f"{AREA}/mpu/complete/0/run/artifacts"
        refused = on_s3.http.post(complete, json={**end, "parts": [{**sent, **told}]})
        assert refused.status_code in ((400,) if told else (200, 400)), refused.json
        if refused.status_code == 400:
            whole = {**sent, "checksum_sha256": digest(BODY)}
            done = on_s3.http.post(complete, json={**end, "parts": [whole]})
            assert done.status_code == 200, done.json

    def test_an_aborted_upload_leaves_nothing(self, on_s3: Api) -> None:
        begun = self.begin(on_s3, num_parts=1).json
        assert begun is not None
        end = {"path": "a.bin", "upload_id": begun["upload_id"]}
        gone = on_s3.http.post(f"{AREA}/mpu/abort/0/run/artifacts", json=end)
        assert (gone.status_code, gone.json) == (200, {})
        part = {"part_number": 1, "etag": "x"}
        refused = on_s3.http.post(
            f"{AREA}/mpu/complete/0/run/artifacts", json={**end, "parts": [part]}
        )
        assert refused.status_code == 404

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({}, "Missing value for required parameter 'num_parts'."),
            ({"num_parts": 0}, "num_parts"),
            ({"num_parts": 10_001}, "num_parts"),
            ({"num_parts": 1, "path": "a/.."}, "path"),
            ({"num_parts": 1, "path": "/tmp/"}, "path"),
            ({"num_parts": 1, "path": ""}, "Missing value for required parameter 'path'."),
            ({"num_parts": 2, "part_checksums_sha256": [""]}, "part_checksums_sha256"),
            ({"num_parts": 1, "part_checksums_sha256": ["a"]}, "part_checksums_sha256[0]"),
        ],
    )
    def test_what_is_wrong_is_named(self, on_s3: Api, body: Json, message: str) -> None:
        refused = self.begin(on_s3, **body)
        assert refused.json is not None
        assert (refused.status_code, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in refused.json["message"]

    @pytest.mark.parametrize("call", ["mpu/create", "mpu/complete", "mpu/abort"])
    def test_a_folder_has_none_and_says_so(self, on_folder: Api, call: str) -> None:
        """The stock client then goes through the server."""
        body = {
            "path": "a",
            "num_parts": 1,
            "upload_id": "x",
            "parts": [{"part_number": 1, "etag": "e"}],
        }
        answer = on_folder.http.post(f"{AREA}/{call}/0", json=body)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error_code"]) == (501, "NOT_IMPLEMENTED")

    def test_a_folder_has_no_presigned_downloads(self, on_folder: Api) -> None:
        assert on_folder.http.get(f"{AREA}/presigned/0/a").status_code == 501
