"""``podium storage init``: a bucket made fit for Podium. The only module that imports minio.

Safe to run again: each step looks first, and leaves what is right as it is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials.providers import (
    AWSConfigProvider,
    ChainedProvider,
    EnvAWSProvider,
    Provider,
)
from minio.error import MinioAdminException, MinioException, S3Error
from minio.lifecycleconfig import (
    AbortIncompleteMultipartUpload,
    Expiration,
    LifecycleConfig,
    NoncurrentVersionExpiration,
    Rule,
)
from minio.versioningconfig import VersioningConfig
from podium.client.errors import ConfigError, Unavailable

from .paths import S3Location, check_endpoint

_UPLOADS_RULE = "podium-incomplete-uploads"
_VERSIONS_RULE = "podium-noncurrent-versions"
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_RETRIES = urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])


@dataclass(frozen=True, slots=True)
class Step:
    """One thing looked after. ``done`` is False when the server would not have it."""

    name: str
    outcome: str
    done: bool = True


@dataclass(frozen=True, slots=True)
class NewUser:
    """Credentials made just now. They are kept nowhere: whoever prints them has the only copy."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found and done; its text is for a terminal and shows a new user's secret."""

    location: S3Location
    steps: tuple[Step, ...]
    user: NewUser | None = None

    def __str__(self) -> str:
        width = max(len(step.name) for step in self.steps)
        lines = [f"{self.location}"]
        lines += [
            f"  {'ok' if step.done else '--'}  {step.name:{width}}  {step.outcome}"
            for step in self.steps
        ]
        if self.user:
            lines += [
                "",
                "Give the server these credentials. They are shown once and kept nowhere:",
                f"  AWS_ACCESS_KEY_ID={self.user.access_key}",
                f"  AWS_SECRET_ACCESS_KEY={self.user.secret_key}",
            ]
        return "\n".join(lines)


def initialise(
    uri: str,
    endpoint: str | None = None,
    *,
    incomplete_upload_days: int = 7,
    noncurrent_version_days: int = 30,
) -> Report:
    """Make the bucket of ``uri``, with versioning, clean-up rules and, on MinIO, a user for it.

    Uses the administrator's credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in
    ~/.aws/credentials. :class:`ConfigError` or :class:`Unavailable` when there can be no bucket;
    what else a server lacks is said in the report.
    """
    location = S3Location.parse(uri)
    url = urlsplit(check_endpoint(endpoint) if endpoint else "https://s3.amazonaws.com")
    connection: dict[str, Any] = {
        "endpoint": url.netloc,
        "secure": url.scheme == "https",
        "region": os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        "credentials": _credentials(),
        "http_client": urllib3.PoolManager(timeout=_TIMEOUT, retries=_RETRIES),
    }
    client = Minio(**connection)
    with _reaching(location, url.geturl()):
        steps = [
            _make_bucket(client, location.bucket, connection["region"]),
            _turn_versioning_on(client, location.bucket),
        ]
        # One at a time: a server that takes only one of the two gets that one.
        for rule in _rules(location, incomplete_upload_days, noncurrent_version_days):
            steps.append(_set_rule(client, location.bucket, rule))
        user = None
        if _is_minio(connection["http_client"], url.geturl()):
            step, user = _make_user(MinioAdmin(**connection), location)
            steps.append(step)
    return Report(location, tuple(steps), user)


def policy(location: S3Location) -> dict[str, Any]:
    """The least a server needs: its own prefix to read, write, delete and list."""
    bucket = f"arn:aws:s3:::{location.bucket}"
    prefix = location.prefix.key
    listing: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": [bucket],
    }
    if prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}}
    files = {
        "Effect": "Allow",
        "Action": [
            "s3:AbortMultipartUpload",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
        ],
        "Resource": [f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*"],
    }
    return {"Version": "2012-10-17", "Statement": [listing, files]}


def _credentials() -> Provider:
    provider = ChainedProvider([EnvAWSProvider(), AWSConfigProvider()])
    try:
        provider.retrieve()
    except ValueError:
        raise ConfigError(
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set. Set them to those of an "
            "administrator of the S3 server."
        ) from None
    return provider


@contextmanager
def _reaching(location: S3Location, endpoint: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        raise Unavailable(
            f"{endpoint} refused to make {location.bucket}: {error.code}: {error.message}. Check "
            "that the credentials are an administrator's, and that nobody else has that name."
        ) from error
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise Unavailable(
            f"No S3 server answered at {endpoint}: {error}. Check PODIUM_S3_ENDPOINT."
        ) from error


def _make_bucket(client: Minio, bucket: str, region: str) -> Step:
    if client.bucket_exists(bucket):
        return Step("bucket", "there already")
    client.make_bucket(bucket, location=region)
    return Step("bucket", "made")


def _turn_versioning_on(client: Minio, bucket: str) -> Step:
    try:
        if client.get_bucket_versioning(bucket).status == ENABLED:
            return Step("versioning", "on already")
        client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
        # Some servers accept what they do not do.
        if client.get_bucket_versioning(bucket).status == ENABLED:
            return Step("versioning", "turned on")
        reason = "the server accepted it and left it off"
    except MinioException as error:
        reason = _reason(error)
    return Step("versioning", f"not on: {reason}. A deleted or replaced file is gone.", done=False)


def _rules(location: S3Location, upload_days: int, version_days: int) -> list[Rule]:
    prefix = location.prefix.key
    below = Filter(prefix=f"{prefix}/" if prefix else "")
    return [
        Rule(
            ENABLED,
            rule_filter=below,
            rule_id=_UPLOADS_RULE,
            abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(upload_days),
        ),
        Rule(
            ENABLED,
            rule_filter=below,
            rule_id=_VERSIONS_RULE,
            noncurrent_version_expiration=NoncurrentVersionExpiration(version_days),
            expiration=Expiration(expired_object_delete_marker=True),
        ),
    ]


def _set_rule(client: Minio, bucket: str, rule: Rule) -> Step:
    """Add ``rule`` to the bucket's own; the rules of others are kept."""
    name = "unfinished uploads" if rule.rule_id == _UPLOADS_RULE else "old versions"
    days = _days(rule)
    try:
        present = _present(client, bucket)
        if days in map(_days, _same(present, rule)):
            return Step(name, f"removed after {days} days already")
        others = [other for other in present if other.rule_id != rule.rule_id]
        client.set_bucket_lifecycle(bucket, LifecycleConfig([*others, rule]))
        # Some servers accept what they do not do.
        if days in map(_days, _same(_present(client, bucket), rule)):
            return Step(name, f"removed after {days} days")
        reason = "the server accepted the rule and did not keep it"
    except MinioException as error:
        reason = _reason(error)
    return Step(name, f"kept for ever: {reason}. Remove them by other means.", done=False)


def _present(client: Minio, bucket: str) -> list[Rule]:
    config = client.get_bucket_lifecycle(bucket)
    return list(config.rules) if config else []


def _same(rules: list[Rule], wanted: Rule) -> list[Rule]:
    return [
        rule
        for rule in rules
        if rule.rule_id == wanted.rule_id
        and rule.status == wanted.status
        and _prefix(rule) == _prefix(wanted)
    ]


def _prefix(rule: Rule) -> str:
    return (rule.rule_filter.prefix if rule.rule_filter else None) or ""


def _days(rule: Rule) -> int | None:
    if rule.abort_incomplete_multipart_upload:
        return rule.abort_incomplete_multipart_upload.days_after_initiation
    expiration = rule.noncurrent_version_expiration
    return expiration.noncurrent_days if expiration else None


def _is_minio(http: urllib3.PoolManager, endpoint: str) -> bool:
    answer = http.request("GET", f"{endpoint}/minio/health/live", redirect=False)
    return answer.status == 200 and answer.headers.get("Server", "").startswith("MinIO")


def _make_user(admin: MinioAdmin, location: S3Location) -> tuple[Step, NewUser | None]:
    """A user, and a policy of the same name, that may do what :func:`policy` says."""
    name = "-".join(("podium", location.bucket, *location.prefix.segments))
    user = None
    try:
        admin.policy_add(name, policy=policy(location))
        if not _user_exists(admin, name):
            secret = secrets.token_urlsafe(30)
            admin.user_add(name, secret)
            user = NewUser(name, secret)
        _attach(admin, name)
    except MinioAdminException as error:
        outcome = f"not ready: {_reason(error)}. Give one the policy in docs/storage.md by hand."
        return Step("user", outcome, done=False), user
    return Step("user", f"{name} {'made' if user else 'there already'}"), user


def _user_exists(admin: MinioAdmin, name: str) -> bool:
    try:
        admin.user_info(name)
    except MinioAdminException as error:
        if "XMinioAdminNoSuchUser" in str(error):
            return False
        raise
    return True


def _attach(admin: MinioAdmin, name: str) -> None:
    try:
        admin.attach_policy([name], user=name)
    except MinioAdminException as error:
        if "XMinioAdminPolicyChangeAlreadyApplied" not in str(error):
            raise


def _reason(error: MinioException | MinioAdminException) -> str:
    if isinstance(error, S3Error):
        return f"the server says {error.code}"
    return f"the server says {str(error)[:200]}"
