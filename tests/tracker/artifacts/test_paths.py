"""Paths and URIs a client sends: the shapes of MLflow's CVEs, and what must keep working."""

from __future__ import annotations

import posixpath
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from podium.client.errors import BadRequest, ConfigError
from podium.tracker.artifacts.paths import (
    ROOT,
    ArtifactPath,
    S3Location,
    check_endpoint,
    parse_artifact_uri,
    parse_location,
)

REFUSED = [
    pytest.param("", "is empty", id="empty"),
    pytest.param("..", "'..'", id="parent"),
    pytest.param("../x", "'..'", id="parent first"),
    pytest.param("a/../../x", "'..'", id="parent inside"),
    pytest.param("a/..", "'..'", id="parent last"),
    pytest.param("./a", "'.'", id="dot"),
    pytest.param("a/./b", "'.'", id="dot inside"),
    pytest.param("%2e%2e%2fetc/passwd", "'..'", id="encoded dots"),
    pytest.param("%2E%2E/x", "'..'", id="encoded dots, capitals"),
    pytest.param("%252e%252e%252fx", "'..'", id="doubly encoded"),
    pytest.param("%25252e%25252e/x", "'..'", id="trebly encoded"),
    pytest.param("a/%2e%2e", "'..'", id="encoded dots last"),
    pytest.param("/etc/passwd", "absolute", id="absolute"),
    pytest.param("%2fetc/passwd", "absolute", id="encoded absolute"),
    pytest.param("//proc/self/root", "absolute", id="two slashes"),
    pytest.param("a//b", "empty segment", id="empty segment"),
    pytest.param("a/", "empty segment", id="trailing slash"),
    pytest.param("..\\x", "a backslash", id="backslash"),
    pytest.param("..%5cx", "a backslash", id="encoded backslash"),
    pytest.param("..%255cx", "a backslash", id="doubly encoded backslash"),
    pytest.param("C:\\Windows", "a backslash", id="Windows path"),
    pytest.param("C:/Windows", "drive letter", id="drive letter"),
    pytest.param("a/c:b", "drive letter", id="drive letter inside"),
    pytest.param("file:///etc/passwd", "scheme", id="file URI"),
    pytest.param("file:etc/passwd", "scheme", id="file URI without slashes"),
    pytest.param("FILE:etc", "scheme", id="file URI, capitals"),
    pytest.param("%66ile:etc", "scheme", id="file URI, encoded"),
    pytest.param("s3:/bucket/x", "scheme", id="another scheme"),
    pytest.param("http://host/x", "scheme", id="URL"),
    pytest.param("a\0b", "control character", id="NUL"),
    pytest.param("a%00.png", "control character", id="encoded NUL"),
    pytest.param("a\nb", "control character", id="newline"),
    pytest.param("a\x7fb", "control character", id="DEL"),
    pytest.param("a\x85b", "control character", id="C1 control"),
    pytest.param("a\u2028b", "line separator", id="line separator"),
    pytest.param("a\ud800b", "lone surrogate", id="surrogate"),
    pytest.param("a#/../../x", "'#'", id="fragment"),
    pytest.param("a%23b", "'#'", id="encoded fragment"),
    pytest.param("a?x=../..", "'?'", id="query"),
    pytest.param("a%3fb", "'?'", id="encoded query"),
    pytest.param("\uff0e\uff0e/x", "'..'", id="full-width dots"),
    pytest.param("\u2025/x", "'..'", id="two-dot leader"),
    pytest.param("\u2024\u2024/x", "'..'", id="one-dot leaders"),
    pytest.param("a/\u2024/x", "'.'", id="one-dot leader"),
    pytest.param("\uff0e\uff0e\uff0fx", "'..'", id="full-width dots and slash"),
    pytest.param("\uff0fetc", "absolute", id="full-width slash"),
    pytest.param("..\uff3cx", "a backslash", id="full-width backslash"),
    pytest.param("\uff052e\uff052e/x", "'..'", id="full-width percent"),
    pytest.param("a%ff", "not UTF-8", id="not UTF-8"),
    pytest.param("%c0%ae%c0%ae/x", "not UTF-8", id="overlong UTF-8"),
    pytest.param("x" * 256, "255 bytes", id="long segment"),
    pytest.param("é" * 128, "255 bytes", id="long segment in bytes"),
    pytest.param("/".join(["x" * 100] * 11), "1024 bytes", id="long path"),
]

ACCEPTED = [
    ("model/weights.bin", "model/weights.bin"),
    ("a%20b.txt", "a b.txt"),
    ("100%.txt", "100%.txt"),
    ("100%25.txt", "100%.txt"),
    ("caf%C3%A9.txt", "café.txt"),
    ("訓練/結果。png", "訓練/結果。png"),
    ("...", "..."),
    ("..a/b..", "..a/b.."),
    (".hidden", ".hidden"),
    ("run-2026-11-24T10:00:00.log", "run-2026-11-24T10:00:00.log"),
    ("epoch=1;step=2+3&x@y~.ckpt", "epoch=1;step=2+3&x@y~.ckpt"),
    ("x" * 255, "x" * 255),
]


@pytest.mark.parametrize(("raw", "reason"), REFUSED)
def test_refused(raw: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=r"^Invalid path: source") as refused:
        ArtifactPath.parse(raw, field="source")
    assert reason in refused.value.message


@pytest.mark.parametrize(("raw", "key"), ACCEPTED)
def test_accepted(raw: str, key: str) -> None:
    assert ArtifactPath.parse(raw).key == key


def test_the_constructor_checks_too() -> None:
    for wrong in ("../x", "/x", "a//b", "%2e%2e/x"):
        with pytest.raises(BadRequest):
            ArtifactPath(wrong)


@given(st.text(alphabet=st.sampled_from("ab./\\%25eEfFcC:#? \uff0e\u2025\0"), max_size=30))
@example("%25252e%2525252e/")
def test_whatever_parses_stays_inside(raw: str) -> None:
    try:
        path = ArtifactPath.parse(raw)
    except BadRequest:
        return
    root = Path("/srv/artifacts")
    inside = Path(posixpath.normpath(root / path.key))
    assert inside.is_relative_to(root)
    assert inside != root
    assert inside.relative_to(root).as_posix() == path.key
    assert ArtifactPath.parse(path.key) == path
    assert ArtifactPath.parse(quote(quote(path.key))) == path


@given(st.text(max_size=300))
def test_any_text_parses_or_is_refused(raw: str) -> None:
    with suppress(BadRequest):
        path = ArtifactPath.parse(raw)
        assert ArtifactPath.parse(path.key) == path


def test_folders() -> None:
    assert ArtifactPath.parse_folder("") == ROOT
    assert ArtifactPath.parse_folder("model/") == ArtifactPath("model")
    with pytest.raises(BadRequest, match="empty segment"):
        ArtifactPath.parse_folder("model//")
    with pytest.raises(BadRequest):
        ArtifactPath.parse_folder("/")


def test_joining() -> None:
    run = ArtifactPath("1/abc/artifacts")
    assert run / ArtifactPath("a/b.txt") == ArtifactPath("1/abc/artifacts/a/b.txt")
    assert run / ROOT == ROOT / run == run
    assert (run.name, ROOT.name, ROOT.segments) == ("artifacts", "", ())
    with pytest.raises(BadRequest, match="1024 bytes"):
        run / ArtifactPath("/".join(["x" * 100] * 10))


def test_artifact_uri() -> None:
    assert parse_artifact_uri("mlflow-artifacts:/1/abc/artifacts").key == "1/abc/artifacts"
    assert parse_artifact_uri("mlflow-artifacts:/") == ROOT
    assert parse_location("mlflow-artifacts:/team%20a/") == "mlflow-artifacts:/team a"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:///etc",
        "s3://other/bucket",
        "/etc",
        "1/abc/artifacts",
        "mlflow-artifacts://host/1",
        "mlflow-artifacts:///1",
        "mlflow-artifacts:1",
        "mlflow-artifacts:/1?x=1",
        "mlflow-artifacts:/1#/../../etc",
        "mlflow-artifacts:/1/%2e%2e/2",
        "mlflow-artifacts:/../etc",
        "dbfs:/x",
    ],
)
def test_other_uris_are_refused(uri: str) -> None:
    with pytest.raises(BadRequest, match=r"^Invalid path: artifact_location"):
        parse_location(uri)


def test_s3_location() -> None:
    location = S3Location.parse("s3://bucket/some/prefix/")
    assert (location.bucket, location.prefix.key) == ("bucket", "some/prefix")
    assert str(location) == "s3://bucket/some/prefix"
    assert str(S3Location.parse("s3://bucket/")) == "s3://bucket"


@pytest.mark.parametrize(
    "uri",
    ["", "s3://", "s3:bucket", "s3://Bucket", "s3://a", "s3://user:pw@b/x", "s3://bucket/a/../b"],
)
def test_wrong_s3_locations_name_the_setting(uri: str) -> None:
    with pytest.raises(ConfigError, match="PODIUM_ARTIFACTS"):
        S3Location.parse(uri)


def test_endpoints() -> None:
    assert check_endpoint("http://minio:9000/") == "http://minio:9000"
    assert check_endpoint("https://s3.example.org") == "https://s3.example.org"


@pytest.mark.parametrize(
    "url",
    ["minio:9000", "ftp://minio", "http://", "http://minio:port", "http://u:p@minio", "http://h/x"],
)
def test_wrong_endpoints_name_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="PODIUM_S3_ENDPOINT"):
        check_endpoint(url)
