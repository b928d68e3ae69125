"""etcd, kube-apiserver, controllers, scheduler and kwok on loopback, in a ``with`` block.

The API server checks rights (RBAC), and whoever speaks to it checks its certificate. kwok makes
something of the pods on nodes labelled ``type: kwok``, by ``stages.yaml``: what a container asks
for in its environment. Each process dies with the tests, however those end.
"""

from __future__ import annotations

import json
import secrets
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..services import free_ports, loopback
from . import build, processes
from .rest import Rest

_START_SECONDS = 120
_STAGES = Path(__file__).parent / "stages.yaml"
_AUDIT = Path(__file__).parent / "audit.yaml"
_LOOPBACK = "127.0.0.1"
_FOLLOWERS = ("kube-controller-manager", "kube-scheduler", "kwok")
_LEASES = "kube-node-lease"


@dataclass(slots=True)
class Cluster:
    """A running cluster; ``admin`` speaks to it as a member of ``system:masters``."""

    url: str
    ca: Path
    token: str
    kubeconfig: Path
    admin: Rest
    audit: Path
    """What service accounts of the name ``podium`` have asked, an event a line."""
    kwok: int
    """The port at which kwok is the kubelet of its nodes."""
    _running: Mapping[str, subprocess.Popen[bytes]]
    _serve: Callable[[], None]
    _follow: Callable[[], None]

    def stop_api_server(self) -> None:
        processes.end(self._running["kube-apiserver"])

    def start_api_server(self) -> None:
        """Again, at the same address, over the same etcd; and with it who watched the old one.

        Those would try again less and less often, up to 30 s apart (client-go's reflectors), and
        until then nothing would be made of what is asked for.
        """
        for program in _FOLLOWERS:
            processes.end(self._running[program])
        self._serve()
        # A new kwok waits until those of the old one have run out.
        self.admin.call("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{_LEASES}/leases")
        self._follow()

    def kubeconfig_of(self, token: str, path: Path) -> Path:
        """A kubeconfig for whoever has this token."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(_kubeconfig(self.url, self.ca, token)))
        return path


@contextmanager
def control_plane() -> Iterator[Cluster]:
    """:class:`MissingService` where the programs are not built and cannot be."""
    programs = build.kubernetes()
    folder = Path(tempfile.mkdtemp(prefix="podium-cluster-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        files = _Files(folder)
        running: dict[str, subprocess.Popen[bytes]] = {}

        def run(program: str, *flags: str) -> subprocess.Popen[bytes]:
            command = [str(programs[program]), *flags]
            process = processes.start(command, folder / f"{program}.log", cwd=folder)
            stack.callback(processes.end, process)
            running[program] = process
            return process

        etcd, port, kwok = free_ports(3)
        run("etcd", *_etcd_flags(folder, etcd))
        url = f"https://{_LOOPBACK}:{port}"

        def serve() -> None:
            process = run("kube-apiserver", *_api_flags(files, etcd, port))
            _wait_until_ready(process, url, files)

        def follow() -> None:
            run("kube-controller-manager", *_controller_flags(files))
            run("kube-scheduler", *_plain_flags(files), "--leader-elect=false")
            run("kwok", *_kwok_flags(files, kwok))

        serve()
        files.kubeconfig.touch(mode=0o600)
        files.kubeconfig.write_text(json.dumps(_kubeconfig(url, files.ca, files.token)))
        follow()
        admin = Rest(url, files.ca, files.token)
        yield Cluster(
            url,
            files.ca,
            files.token,
            files.kubeconfig,
            admin,
            files.audit,
            kwok,
            running,
            serve,
            follow,
        )


class _Files:
    """What the processes read and share; made here, except for the API server's certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = folder / "certificates"
        self.ca = self.certificates / "apiserver.crt"  # its own CA is in there
        self.kubeconfig = folder / "kubeconfig"
        self.audit = folder / "audit.log"
        # Of loopback, so that what plays kube-proxy can be found there; pods have the lower half.
        self.services = f"{loopback()}.128.0/17"
        self.token = secrets.token_hex(16)
        self.tokens = folder / "tokens.csv"
        self.tokens.touch(mode=0o600)
        self.tokens.write_text(f'{self.token},admin,admin,"system:masters"\n')
        self.key, self.public_key = folder / "accounts.key", folder / "accounts.pub"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem, text = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        self.key.touch(mode=0o600)
        self.key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.public_key.write_bytes(key.public_key().public_bytes(pem, text))


def _etcd_flags(folder: Path, port: int) -> list[str]:
    url = f"http://{_LOOPBACK}:{port}"
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls=http://{_LOOPBACK}:0",
        "--unsafe-no-fsync",
        # Some definitions of custom resources are larger than the default.
        "--max-request-bytes=10485760",
        "--log-level=warn",
    ]


def _api_flags(files: _Files, etcd: int, port: int) -> list[str]:
    return [
        f"--etcd-servers=http://{_LOOPBACK}:{etcd}",
        f"--cert-dir={files.certificates}",
        f"--bind-address={_LOOPBACK}",
        f"--secure-port={port}",
        f"--service-cluster-ip-range={files.services}",
        "--authorization-mode=Node,RBAC",
        f"--token-auth-file={files.tokens}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files.public_key}",
        f"--service-account-signing-key-file={files.key}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--audit-policy-file={_AUDIT}",
        f"--audit-log-path={files.audit}",
        "--profiling=false",
    ]


def _plain_flags(files: _Files) -> list[str]:
    limits = ["--kube-api-qps=500", "--kube-api-burst=1000"]  # else Jobs would wait for these
    return [f"--kubeconfig={files.kubeconfig}", "--secure-port=0", "--profiling=false", *limits]


def _controller_flags(files: _Files) -> list[str]:
    return [
        *_plain_flags(files),
        "--leader-elect=false",
        f"--service-account-private-key-file={files.key}",
        f"--root-ca-file={files.ca}",
        "--use-service-account-credentials",
    ]


def _kwok_flags(files: _Files, port: int) -> list[str]:
    return [
        f"--kubeconfig={files.kubeconfig}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--server-address={_LOOPBACK}:{port}",
        f"--config={_STAGES}",
        "--node-lease-duration-seconds=40",
    ]


def _kubeconfig(url: str, ca: Path, token: str) -> dict[str, Any]:
    name = "tests"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority": str(ca)}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, files: _Files) -> None:
    def answers() -> bool:
        log = files.folder / "kube-apiserver.log"
        assert process.poll() is None, f"kube-apiserver ended:\n{log.read_text()[-4000:]}"
        if not files.ca.exists():
            return False
        request = urllib.request.Request(f"{url}/readyz")
        request.add_header("Authorization", f"Bearer {files.token}")
        try:
            context = ssl.create_default_context(cafile=str(files.ca))
            with urllib.request.urlopen(request, timeout=5, context=context):
                return True
        except (urllib.error.URLError, OSError):
            return False

    processes.wait_for("kube-apiserver is ready", answers, _START_SECONDS)
