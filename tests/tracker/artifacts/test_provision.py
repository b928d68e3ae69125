"""`podium storage init` on a real S3 server, and what it says when there can be no bucket."""

from __future__ import annotations

import io

import pytest
from podium.client.errors import ConfigError, Unavailable
from podium.tracker.artifacts.paths import ArtifactPath, S3Location
from podium.tracker.artifacts.provision import initialise, policy
from podium.tracker.artifacts.s3 import S3Store

from ...services import free_ports
from ...services.s3 import S3Server


def test_a_bucket_is_made_once_and_looked_after_again(s3_environment: S3Server) -> None:
    uri = "s3://provisioned/below"
    first = initialise(uri, s3_environment.endpoint)
    again = initialise(uri, s3_environment.endpoint)
    assert [step.name for step in first.steps] == [step.name for step in again.steps]
    assert first.steps[0].done
    admin = s3_environment.administrator()
    assert admin.bucket_exists("provisioned")
    assert admin.get_bucket_versioning("provisioned").status == "Enabled"
    assert "already" in str(again)
    # It is fit for use: the store reads what it wrote.
    store = S3Store(S3Location.parse(uri), s3_environment.endpoint)
    store.ready()
    store.put(ArtifactPath("a"), io.BytesIO(b"x"))
    with store.open(ArtifactPath("a")) as content:
        assert content.read() == b"x"


def test_the_rules_of_others_are_kept(s3_environment: S3Server) -> None:
    from minio.commonconfig import ENABLED, Filter
    from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

    admin = s3_environment.administrator()
    admin.make_bucket("shared-bucket")
    theirs = Rule(
        ENABLED, rule_filter=Filter(prefix="logs/"), rule_id="logs", expiration=Expiration(days=3)
    )
    admin.set_bucket_lifecycle("shared-bucket", LifecycleConfig([theirs]))
    initialise("s3://shared-bucket/podium", s3_environment.endpoint)
    config = admin.get_bucket_lifecycle("shared-bucket")
    assert config
    assert "logs/" in [rule.rule_filter.prefix for rule in config.rules if rule.rule_filter]


def test_the_policy_reaches_no_further_than_the_prefix() -> None:
    found = policy(S3Location.parse("s3://bucket/team/podium"))
    listing, files = found["Statement"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["team/podium", "team/podium/*"]}}
    assert files["Resource"] == ["arn:aws:s3:::bucket/team/podium/*"]
    assert not any("*" in action for action in (*listing["Action"], *files["Action"]))


def test_no_server_there(s3_environment: S3Server) -> None:
    [port] = free_ports(1)
    with pytest.raises(Unavailable, match=str(port)):
        initialise("s3://anywhere", f"http://127.0.0.1:{port}")


def test_wrong_credentials(s3_environment: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(Unavailable, match="credentials"):
        initialise("s3://anywhere", s3_environment.endpoint)


def test_no_credentials(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        initialise("s3://anywhere", s3.endpoint)


@pytest.mark.parametrize("uri", ["", "folder", "s3://", "s3://UPPER", "http://x"])
def test_what_is_no_bucket(s3_environment: S3Server, uri: str) -> None:
    with pytest.raises(ConfigError):
        initialise(uri, s3_environment.endpoint)
