"""Images for pods of the test kubelet: folders of programs, and what those begin with.

The programs are the real ones. What an image brings beside them, its entrypoint, does what that
of the published image does.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

from ..services import free_ports
from ..services.postgres import programs, unprivileged
from ..services.s3 import binary
from .pods import Image

_SYSTEM = (Path("/usr/bin"), Path("/bin"))
# A pod's own loopback, and any address of it.
_OWN = ("0.0.0.0", "127.0.0.1", "localhost")

# Where these are may look like a place that a volume is mounted at: so they are said in here.
_PYTHON = """#!/bin/sh
export PYTHONPATH={folder} SERVICES={services}
exec {python} {arguments} "$@"
"""
# The published image lets in whoever comes from the pod itself (127.0.0.1) without a password; here
# everybody does, so everybody is asked.
_POSTGRES = """#!/bin/sh
set -e
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
if ! [ -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\\n' "$POSTGRES_PASSWORD" | initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" \\
        --pwfile=/dev/stdin --auth=scram-sha-256 --encoding=UTF8 --no-locale
    printf 'CREATE DATABASE "%s"\\n' "$POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -c listen_addresses="$IP" -c unix_socket_directories="$SOCKETS" \\
    -c dynamic_shared_memory_type=mmap
"""
# The image's own flags come before those that are given, and these win. In a pod /tmp is its own;
# here it is everybody's, and by sockets in there, named by these ports, one server finds the other.
_SEAWEEDFS = """#!/bin/sh
shift
exec weed -logtostderr=true server -dir="$DATA" -volume.max=0 -master.volumePreallocate \\
    -master.volumeSizeLimitMB=1024 -s3.localSocket="$TMP/s3.sock" \\
    -filer.localSocket="$TMP/filer.sock" {ports} "$@"
"""


def podium(folder: Path, services: Path) -> Image:
    """``services`` is where names of Services are looked up."""
    said = {"folder": folder, "services": services, "python": sys.executable}
    _write(
        folder,
        podium=_PYTHON.format(**said, arguments="-m podium.registry.cli"),
        python=_PYTHON.format(**said, arguments=""),
    )
    # Not imported here: it would ask the cluster for every name that this process looks up.
    shutil.copy(Path(__file__).with_name("resolver.py"), folder / "sitecustomize.py")
    environ = {"NAMESPACE": "{namespace}", "TMPDIR": "/tmp"}
    return Image((folder, *_SYSTEM), environ, own=_OWN)


def postgres(folder: Path) -> Image:
    """As the image ``postgres``; where root runs the tests, a user of less power runs it."""
    _write(folder, entrypoint=_POSTGRES)
    user = unprivileged()
    path = (folder, programs(folder, user), *_SYSTEM)
    return Image(
        path,
        {"IP": "{ip}", "SOCKETS": "/var/run/postgresql"},
        ("entrypoint",),
        own=_OWN,
        user=(user.uid, user.gid) if user else None,
        stop_signal=signal.SIGINT,
    )


def seaweedfs(folder: Path) -> Image:
    """As the image ``chrislusf/seaweedfs``."""
    servers = ("master", "volume", "filer", "s3")
    chosen = zip(servers, free_ports(len(servers)), strict=True)
    ports = " ".join(f"-{name}.port.grpc={port}" for name, port in chosen)
    _write(folder, entrypoint=_SEAWEEDFS.format(ports=ports))
    path = (folder, Path(binary()).parent, *_SYSTEM)
    return Image(path, {"DATA": "/data", "TMP": "/tmp"}, ("entrypoint",), own=_OWN)


def _write(folder: Path, **programs: str) -> None:
    folder.mkdir()
    for name, text in programs.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
