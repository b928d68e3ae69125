"""What S3 and boto say when something fails, turned into Podium's errors with the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto
from podium.client.errors import BadRequest, NotFound, PodiumError, TooLarge, Unavailable

from .base import Away
from .paths import S3Location

_MISSING = {"NoSuchKey", "404", "NotFound"}
_DAMAGED = {"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"}
_BAD_PARTS = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest"}
_DENIED = {
    "403",
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_ELSEWHERE = {
    "301",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
}


@contextmanager
def reporting(location: S3Location, endpoint: str | None, key: str = "") -> Iterator[None]:
    """Raise a :class:`PodiumError` in place of whatever boto raises inside."""
    try:
        yield
    except boto.ClientError as error:
        said = error.response.get("Error", {})
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = said.get("Region") or headers.get("x-amz-bucket-region") or ""
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(said.get("Code", ""))
        raise _answered(code, int(status), location, key, str(region)) from error
    except (
        boto.NoCredentialsError,
        boto.PartialCredentialsError,
        boto.TokenRetrievalError,
    ) as error:
        raise Unavailable(
            f"No S3 credentials for {location}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "where the server runs, or give its pod or machine a role."
        ) from error
    except boto.SSLError as error:
        raise Unavailable(
            f"The certificate of S3 at {endpoint or 'AWS'} is not accepted: {_why(error)}. Renew "
            "it; or, if its authority is one of your own, name that in AWS_CA_BUNDLE."
        ) from error
    except boto.BotoCoreError as error:
        where = f"at {endpoint} (PODIUM_S3_ENDPOINT)" if endpoint else "of AWS"
        raise Away(
            f"S3 {where} cannot be reached: {type(error).__name__}. Check that it is up and that "
            "the server's network allows it."
        ) from error


def _why(error: Exception) -> str:
    """What OpenSSL said, without what is around it: "certificate has expired", as a rule."""
    found = re.search(r"certificate verify failed: ([\w ,'.-]+)", str(error))
    return found[1].strip() if found else " ".join(str(error).split())


def _answered(
    code: str, status: int, location: S3Location, key: str, region: str = ""
) -> PodiumError:
    answer: PodiumError
    if code in _MISSING:
        answer = NotFound(f"No such artifact: {key!r}. List its folder to see what there is.")
    elif code == "NoSuchUpload":
        answer = NotFound(
            "upload_id is of no upload in progress to this path: it was completed, aborted or "
            "expired. Create another."
        )
    elif code in _DAMAGED:
        answer = BadRequest(
            "The body does not have the checksum that was announced: it was damaged on its way, "
            "or the file changed. Send it again."
        )
    elif code in _BAD_PARTS:
        answer = BadRequest(
            "parts differ from what was uploaded, or one before the last has less than 5 MiB. Send "
            "each part's number once, with the ETag S3 answered."
        )
    elif code == "KeyTooLongError":
        answer = BadRequest(f"Invalid path: {key!r} is too long with the prefix of {location}.")
    elif code == "EntityTooLarge":
        answer = TooLarge("The file is larger than S3 takes. Split it.")
    elif code == "NoSuchBucket":
        answer = Unavailable(
            f"The bucket {location.bucket} does not exist. Make it with: podium storage init"
        )
    elif code in _DENIED:
        answer = Unavailable(
            f"S3 refused the server's credentials for {location} ({code}). Check AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY, and that their policy covers this bucket and prefix."
        )
    elif code in _ELSEWHERE:
        answer = Unavailable(
            f"The bucket {location.bucket} is in another region. Set AWS_DEFAULT_REGION to "
            f"{region or 'its own'}."
        )
    else:
        kind = Away if status >= 500 else Unavailable
        answer = kind(f"S3 failed for {location}: {code or 'no error code'}. Try again.")
    return answer
