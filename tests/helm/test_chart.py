"""The chart, without a cluster: rendered with many values, and held against Kubernetes' schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from podium.client.config import SERVER_SETTINGS
from podium.client.version import __version__
from podium.registry.cli import parser
from podium.registry.launch import rbac
from podium.registry.launches.sites import read_site
from podium.tracker.config import from_environment

from ..services.helm import Helm
from . import reference
from .cases import CASES, EVERYTHING, MINIMAL
from .conftest import CHART, Manifest, Render, named

HOW = "Type: .venv/bin/python tests/helm/reference.py"
KUBERNETES = ("1.33", "1.35", "1.37")
# Of others' definitions, which the API server of tests/cluster holds them against.
_CUSTOM = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ServiceMonitor"}


@pytest.mark.parametrize("case", CASES)
def test_lint(each_helm: Helm, case: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(CASES[case]))
    done = each_helm.run("lint", "--strict", str(CHART), "-f", str(values))
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_helms_render_the_same(each_helm: Helm, render: Render, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(EVERYTHING))
    done = each_helm.run("template", "podium", str(CHART), "-n", "ml", "-f", str(values))
    assert done.returncode == 0, done.stderr
    mine = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert _sorted(mine) == _sorted(render(EVERYTHING))


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_knows_every_field(render: Render, case: str, version: str) -> None:
    checked = 0
    for manifest in render(CASES[case]):
        if manifest["kind"] not in _CUSTOM:
            kubernetes_validate.validate(manifest, version, strict=True)
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize("case", CASES)
def test_pods_fit_pod_security_restricted(render: Render, case: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    for name, pod in _pods(render(CASES[case])):
        security = pod["securityContext"]
        assert security["runAsNonRoot"], name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        ours = [*pod.get("initContainers", ()), *pod["containers"]]
        for container in (each for each in ours if each["name"] not in ("wait", "proxy")):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
        for volume in pod.get("volumes", ()):
            assert set(volume) - {"name"} <= {
                "configMap",
                "emptyDir",
                "persistentVolumeClaim",
                "secret",
            }, name


@pytest.mark.parametrize("case", CASES)
def test_only_pods_that_launch_have_a_token(render: Render, case: str) -> None:
    launching = CASES[case].get("launches", {}).get("enabled", False)
    for name, pod in _pods(render(CASES[case])):
        deployed = name.startswith("Deployment/")
        assert pod["automountServiceAccountToken"] is (launching and deployed), name


@pytest.mark.parametrize("case", CASES)
def test_the_settings_of_the_pods_are_podium_s(render: Render, case: str) -> None:
    """Every variable is one that the server knows, and together they are a configuration."""
    for name, pod in _pods(render(CASES[case])):
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            if container.get("command") != ["podium"] or container["args"][0] in ("db", "storage"):
                continue
            environ = {
                each["name"]: each.get("value", "postgresql://podium:x@db/podium")
                for each in container["env"]
                if each["name"].startswith("PODIUM_")
            }
            assert set(environ) <= set(SERVER_SETTINGS), name
            config = from_environment(environ)
            assert config.auth_required, name
            assert "localhost" in config.allowed_hosts, name


def test_a_url_is_made_of_the_parts(render: Render) -> None:
    pod = _pod(render(EVERYTHING), "web")
    environ = {each["name"]: each for each in pod["containers"][0]["env"]}
    assert environ["PODIUM_DATABASE_URL"]["value"] == (
        "postgresql://podium%40tenant@db.example.org:6432/tracking+data"
        "?sslmode=verify-full&sslrootcert=/etc/podium/database-ca/ca.crt"
    )
    assert environ["PGPASSWORD"]["valueFrom"] == {"secretKeyRef": {"name": "db", "key": "password"}}


def test_the_migration_comes_before_the_pods(render: Render) -> None:
    job = named(render(MINIMAL), "Job", "-migration")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    # Neither account nor anything else of the chart is there when it runs first.
    assert "serviceAccountName" not in pod
    assert pod["containers"][0]["args"] == ["db", "upgrade"]


def test_pods_that_are_replaced_leave_no_gap(render: Render) -> None:
    web = named(render(MINIMAL), "Deployment", "-web")
    assert web["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pod = web["spec"]["template"]["spec"]
    slept = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    # gunicorn lets requests at hand end for 20 seconds.
    assert slept >= 5
    assert pod["terminationGracePeriodSeconds"] >= slept + 20
    assert "replicas" not in named(render(EVERYTHING), "Deployment", "-web")["spec"]


@pytest.mark.parametrize("case", ["everything", "identity"])
def test_the_role_is_the_least_that_launching_needs(render: Render, case: str) -> None:
    values = CASES[case]["launches"]
    default = yaml.safe_load((CHART / "values.yaml").read_text())["launches"]["targets"]
    roles = [each for each in render(CASES[case]) if each["kind"] == "Role"]
    assert [each["metadata"]["namespace"] for each in roles] == values.get("namespaces", ["ml"])
    for role in roles:
        given = {
            (group, resource): tuple(rule["verbs"])
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }
        assert given == rbac.verbs(values.get("targets", default))
    bindings = [each for each in render(CASES[case]) if each["kind"] == "RoleBinding"]
    assert {each["subjects"][0]["namespace"] for each in bindings} == {"ml"}


@pytest.mark.parametrize("case", ["everything", "identity"])
def test_the_site_is_one_that_the_server_reads(render: Render, case: str, tmp_path: Path) -> None:
    found = named(render(CASES[case]), "ConfigMap", "-launch-site")["data"]["site.yaml"]
    path = tmp_path / "site.yaml"
    path.write_text(found)
    site = read_site(path)
    assert site is not None
    assert set(site.clusters) == {"main"}
    assert site.namespaces == tuple(CASES[case]["launches"].get("namespaces", ["ml"]))


@pytest.mark.parametrize("case", ["everything", "identity"])
def test_what_comes_by_the_clock_is_a_command_of_podium(render: Render, case: str) -> None:
    cron = [each for each in render(CASES[case]) if each["kind"] == "CronJob"]
    assert {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in cron} == {
        *("backup", "gc")
    }
    for each in cron:
        pod = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            parsed = parser().parse_args(container["args"])
            assert parsed.command == container["args"][0]


@pytest.mark.parametrize(
    ("case", "ports"),
    [
        # Of the database, the bucket, traces, sign-ins and webhooks, the API server, the backups.
        ("everything", {53, 6432, 9443, 4318, 443, 6443, 9444}),
        ("gateway", {53, 5432, 443}),
        ("identity", {53, 5432, 80, 443, 6443}),
    ],
)
def test_what_the_values_name_can_be_reached(render: Render, case: str, ports: set[int]) -> None:
    rules = named(render(CASES[case]), "NetworkPolicy")["spec"]["egress"]
    opened = [port["port"] for rule in rules for port in rule.get("ports", ())]
    assert set(opened) == ports
    assert len(opened) == len(ports) + 1, "53 is opened for UDP and TCP, each other once"


def test_backups_are_written_by_an_account_of_their_own(render: Render) -> None:
    def accounts(values: dict[str, Any]) -> dict[str, set[str]]:
        crons = [each for each in render(values) if each["kind"] == "CronJob"]
        return {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: {
                variable["valueFrom"]["secretKeyRef"]["name"]
                for container in [*pod.get("initContainers", ()), *pod["containers"]]
                for variable in container["env"]
                if variable["name"].startswith("AWS_") and "valueFrom" in variable
            }
            for each in crons
            for pod in [each["spec"]["jobTemplate"]["spec"]["template"]["spec"]]
        }

    assert accounts(EVERYTHING) == {"backup": {"backup-account"}, "gc": {"s3"}}
    shared = {**EVERYTHING, "backup": {**EVERYTHING["backup"], "existingSecret": ""}}
    assert accounts(shared) == {"backup": {"s3"}, "gc": {"s3"}}


def test_the_rights_in_the_chart_are_those_of_the_code() -> None:
    assert (CHART / "files" / "launch-rights.yaml").read_text() == reference.rights(), HOW
    offered = reference.schema()["properties"]["launches"]["properties"]["targets"]["items"]["enum"]
    assert set(offered) == set(rbac.OBJECTS) - {"kfp"}, "which has an API of its own"


def test_no_password_is_in_the_values() -> None:
    for path, schema, _ in reference.described():
        name = path.rpartition(".")[2].lower()
        if "password" in name or "secret" in name:
            about = schema["description"].lower()
            assert schema["type"] in ("string", "boolean", "object", "array"), path
            assert "secret" in about, path
    assert not [path for path, _, default in reference.described() if _looks_secret(path, default)]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"databse": {"host": "x"}}, "databse"),
        ({"web": {"replica": 3}}, "replica"),
        ({"web": {"replicas": "three"}}, "replicas"),
        ({"web": {"startupProbe": {"period": 3}}}, "period"),
        ({"artifacts": {"endpoint": "minio:9000"}}, "endpoint"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"database": {"sslMode": "prefer"}}, "sslMode"),
        ({"settings": {"proxies": -1}}, "proxies"),
        ({"database": {"existingSecret": ""}}, "set database.existingSecret"),
        ({"artifacts": {"bucket": ""}}, "set artifacts.bucket"),
        ({"oidc": {"issuer": "https://sso"}}, "oidc.clientId"),
        ({"ingress": {"enabled": True}}, "ingress.hosts"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
        ({"backup": {"enabled": True}}, "backup.destination"),
        ({"launches": {"targets": ["jobs"]}}, "targets"),
        ({"autoscaling": {"enabled": True, "minReplicas": 9}}, "autoscaling.minReplicas"),
    ],
)
def test_wrong_values_are_refused(
    each_helm: Helm, values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(_merged(MINIMAL, values)))
    done = each_helm.run("template", "podium", str(CHART), "-f", str(path))
    assert done.returncode != 0
    assert said in done.stderr


def test_every_key_is_described_and_in_values_yaml() -> None:
    """That values.yaml has no key but these, helm checks."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path, schema, _ in reference.described():
        assert schema.get("description"), path
        assert path == "global" or _has(values, path), path
    for name, schema in _objects(reference.schema()):
        assert "additionalProperties" in schema or schema["description"], name


def test_the_table_of_values_in_the_readme_is_made_of_the_schema() -> None:
    assert (CHART / "README.md").read_text() == reference.readme(), HOW


def test_every_value_is_said_in_a_case() -> None:
    """What no case says, no test renders otherwise than by default."""
    keys = {path for path, schema, _ in reference.described() if "properties" not in schema}
    unsaid = {path for path in keys if not any(_has(case, path) for case in CASES.values())}
    assert unsaid == {
        *("global", "podSecurityContext", "securityContext"),
        *("database.urlKey", "database.passwordKey", "database.caKey"),
        *("artifacts.accessKeyIdKey", "artifacts.secretAccessKeyKey", "artifacts.caKey"),
        *("secretKeys.key", "oidc.clientSecretKey", "oidc.scopes", "oidc.groupsClaim"),
        *("autoscaling.maxReplicas", "autoscaling.targetCPUUtilizationPercentage"),
        *("dev.storage", "dev.postgresImage", "dev.s3Image", "metrics.dashboard.labels"),
    }


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__


def test_the_notes_say_where_the_first_admin_comes_from(helm: Helm) -> None:
    done = helm.run(
        *("install", "podium", str(CHART), "--dry-run=client", "--set", "dev.enabled=true"),
        environ={"KUBECONFIG": "/dev/null"},
    )
    assert "/welcome" in done.stdout, done.stderr


def _pods(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield name, manifest["spec"]
        elif manifest["kind"] == "CronJob":
            yield name, manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif "template" in manifest.get("spec", {}):
            yield name, manifest["spec"]["template"]["spec"]


def _pod(manifests: list[Manifest], name: str) -> dict[str, Any]:
    found: dict[str, Any] = named(manifests, "Deployment", f"-{name}")["spec"]["template"]["spec"]
    return found


def _has(values: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True


def _objects(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        if each.get("type") == "object":
            yield name, each
        yield from _objects(each)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        both = isinstance(value, dict) and isinstance(old, dict)
        found[key] = _merged(old, value) if both and isinstance(old, dict) else value
    return found


def _sorted(manifests: list[Manifest]) -> list[Manifest]:
    return sorted(manifests, key=lambda each: (each["kind"], each["metadata"]["name"]))


def _looks_secret(path: str, default: object) -> bool:
    return path.rpartition(".")[2] in ("password", "secret", "token") or (
        isinstance(default, str) and "://" in default and "@" in default
    )
