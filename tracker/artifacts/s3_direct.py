"""S3 and the client, with the server out of the way: presigned requests and uploads in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from podium.client.errors import BadRequest, NotFound

from .base import (
    MAX_PARTS,
    MAX_PRESIGNED_SECONDS,
    MultipartUpload,
    Part,
    SignedDownload,
    SignedPart,
    SignedRequest,
)
from .paths import ArtifactPath
from .s3 import S3Store, base64_of

_CHECKSUM_HEADER = "x-amz-checksum-sha256"


class DirectS3Store(S3Store):
    """An :class:`S3Store` that also does :class:`~.base.DirectTransfer`."""

    def presign_put(
        self,
        path: ArtifactPath,
        *,
        length: int,
        sha256: bytes,
        expires: int = MAX_PRESIGNED_SECONDS,
    ) -> SignedRequest:
        checksum = base64_of(sha256)
        url = self._presign(
            "put_object", path, expires, ContentLength=length, ChecksumSHA256=checksum
        )
        return SignedRequest(url, {_CHECKSUM_HEADER: checksum})

    def presign_get(
        self, path: ArtifactPath, *, expires: int = MAX_PRESIGNED_SECONDS
    ) -> SignedDownload:
        size = self.stat(path).file_size or 0
        # Never shown in place: an HTML artifact must not run scripts on the bucket's origin.
        disposition = f"attachment; filename*=UTF-8''{quote(path.name, safe='')}"
        url = self._presign("get_object", path, expires, ResponseContentDisposition=disposition)
        return SignedDownload(url, {}, size)

    def create_multipart(
        self,
        path: ArtifactPath,
        *,
        parts: int,
        checksums: Sequence[bytes] | None = None,
        expires: int = MAX_PRESIGNED_SECONDS,
    ) -> MultipartUpload:
        if not 1 <= parts <= MAX_PARTS:
            raise BadRequest(f"num_parts is {parts}: an upload has 1 to {MAX_PARTS} parts.")
        if checksums is not None and len(checksums) != parts:
            raise BadRequest(
                f"part_checksums_sha256 has {len(checksums)} entries for {parts} parts. "
                "Send one for each part, or none at all."
            )
        algorithm = {"ChecksumAlgorithm": "SHA256"} if checksums else {}
        with self._reporting(path):
            created = self._client.create_multipart_upload(**self._object(path), **algorithm)
        upload_id = str(created["UploadId"])
        signed = []
        for index in range(parts):
            part: dict[str, Any] = {"UploadId": upload_id, "PartNumber": index + 1}
            headers = {}
            if checksums:
                headers[_CHECKSUM_HEADER] = part["ChecksumSHA256"] = base64_of(checksums[index])
            url = self._presign("upload_part", path, expires, **part)
            signed.append(SignedPart(url, headers, index + 1))
        return MultipartUpload(upload_id, tuple(signed))

    def complete_multipart(self, path: ArtifactPath, upload_id: str, parts: Sequence[Part]) -> None:
        if not (upload_id and parts):
            raise BadRequest("upload_id and parts must not be empty. Send what create answered.")
        ordered = sorted(parts, key=lambda part: part.part_number)
        try:
            with self._reporting(path):
                checksums = {
                    part.part_number: base64_of(part.sha256) for part in parts if part.sha256
                } or self._uploaded(path, upload_id)
                self._complete(
                    path,
                    upload_id,
                    [
                        {"PartNumber": part.part_number, "ETag": part.etag}
                        | _checksum(checksums.get(part.part_number))
                        for part in ordered
                    ],
                )
        except NotFound:
            # The answer to an earlier request may have been lost: the file is there, whole.
            if not self._is_made_of(path, ordered):
                raise

    def abort_multipart(self, path: ArtifactPath, upload_id: str) -> None:
        if not upload_id:
            raise BadRequest("upload_id must not be empty. Send what create answered.")
        self._abort(path, upload_id)

    def _uploaded(self, path: ArtifactPath, upload_id: str) -> dict[int, str]:
        """The checksums S3 has of an upload's parts: it wants to be told them on completion."""
        pages = self._client.get_paginator("list_parts").paginate(
            **self._object(path), UploadId=upload_id
        )
        return {
            int(part["PartNumber"]): str(part["ChecksumSHA256"])
            for page in pages
            for part in page.get("Parts", ())
            if part.get("ChecksumSHA256")
        }

    def _is_made_of(self, path: ArtifactPath, parts: Sequence[Part]) -> bool:
        try:
            digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        except ValueError:
            return False
        with suppress(NotFound), self._reporting(path):
            etag = str(self._client.head_object(**self._object(path))["ETag"]).strip('"')
            return etag == f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
        return False

    def _presign(self, call: str, path: ArtifactPath, expires: int, **parameters: Any) -> str:
        if expires < 1:
            raise BadRequest(f"expiration is {expires}: it must be 1 second or more.")
        with self._reporting(path):
            return str(
                self._client.generate_presigned_url(
                    call,
                    Params={**self._object(path), **parameters},
                    ExpiresIn=min(expires, MAX_PRESIGNED_SECONDS),
                )
            )


def _checksum(found: str | None) -> dict[str, str]:
    return {"ChecksumSHA256": found} if found else {}
