"""What an administrator allows, names and adds, and what becomes of it in the pods."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.faults import InvalidLaunch
from podium.registry.launch.render import load_site
from podium.registry.launch.site import Site

from .samples import full, main, minimal, refusals
from .schemas import problems

_SITE: dict[str, Any] = {
    "namespaces": ["team-*"],
    "service_accounts": ["s3-reader"],
    "classes": {
        "small": {"cpu": 1, "memory": "2Gi"},
        "1xH100": {
            "cpu": 8,
            "memory": "64Gi",
            "gpu": {"count": 1, "product": "NVIDIA-H100-80GB-HBM3"},
        },
        "mig-1g": {"gpu": {"mig": "1g.10gb"}},
        "shared": {"gpu": {"shared": True}},
    },
    "tracking": {"uri": "http://podium.podium.svc", "secret": "podium-token"},
    "secrets": ["s3-credentials"],
    "node_selector": {"pool": "ml"},
    "tolerations": [{"key": "ml", "value": "yes", "effect": "NoSchedule"}, {"key": "spot"}],
    "monitor_labels": {"release": "prometheus"},
    "max_gpus": 8,
}
_CANARY: dict[str, Any] = {
    "source": {"model": "churn", "version": 7},
    "canary": {"percent": 10, "version": 8, "storage": "s3://models/churn/8"},
}


def _pod(site: dict[str, Any], **spec: Any) -> dict[str, Any]:
    job = main(minimal("job"), site=load_site(site), **spec)
    assert problems(job) == []
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def _limits(site: dict[str, Any], **gpu: Any) -> dict[str, Any]:
    pod = _pod(site, resources={"gpu": gpu})
    found: dict[str, Any] = pod["containers"][0]["resources"]["limits"]
    return found


class TestClasses:
    def test_a_class_is_its_amounts(self) -> None:
        pod = _pod(_SITE, resources={"class": "1xH100"})
        assert pod["containers"][0]["resources"] == {
            "requests": {"cpu": "8", "memory": "64Gi"},
            "limits": {"memory": "64Gi", "nvidia.com/gpu": "1"},
        }
        assert pod["nodeSelector"] == {
            "pool": "ml",
            "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        }

    def test_one_that_is_none_is_refused_with_those_there_are(self) -> None:
        [line] = refusals(minimal("job"), site=load_site(_SITE), resources={"class": "2xH100"})
        assert line == (
            "resources.class: '2xH100' is none of the site's classes: small, 1xH100, mig-1g, shared"
        )

    def test_a_site_may_take_classes_only(self) -> None:
        site = load_site(_SITE | {"only_classes": True})
        assert refusals(minimal("job"), site=site, resources={"cpu": "2"}) == (
            "resources.class: is missing; the site has classes: small, 1xH100, mig-1g, shared",
        )
        assert refusals(minimal("job"), site=site, resources={"class": "small"}) == ()


class TestGpus:
    """Resource names and node labels as the GPU operator and its device plugin have them."""

    def test_whole(self) -> None:
        assert _limits({}, count=2)["nvidia.com/gpu"] == "2"

    def test_a_slice_has_a_resource_of_its_own_where_the_strategy_is_mixed(self) -> None:
        assert _limits({}, mig="3g.40gb", count=2)["nvidia.com/mig-3g.40gb"] == "2"
        assert _limits({}, mig="1g.10gb+me")["nvidia.com/mig-1g.10gb.me"] == "1"

    def test_a_slice_is_a_product_where_the_strategy_is_single(self) -> None:
        site = {"mig_strategy": "single"}
        assert _limits(site, mig="1g.5gb", product="A100-SXM4-40GB")["nvidia.com/gpu"] == "1"
        pod = _pod(site, resources={"gpu": {"mig": "1g.5gb", "product": "A100-SXM4-40GB"}})
        assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "A100-SXM4-40GB-MIG-1g.5gb"}
        [line] = refusals(
            minimal("job"), site=load_site(site), resources={"gpu": {"mig": "1g.5gb"}}
        )
        assert line.startswith("resources.gpu.product: is missing; with the MIG strategy single")

    def test_a_shared_one_is_renamed(self) -> None:
        assert _limits({}, shared=True)["nvidia.com/gpu.shared"] == "1"

    @pytest.mark.parametrize("way", ["time-slicing", "mps"])
    def test_or_known_by_labels(self, way: str) -> None:
        site = {"shared_gpus": way}
        assert _limits(site, shared=True)["nvidia.com/gpu"] == "1"
        pod = _pod(site, resources={"gpu": {"shared": True, "product": "Tesla-T4"}})
        assert pod["nodeSelector"] == {
            "nvidia.com/gpu.sharing-strategy": way,
            "nvidia.com/gpu.product": "Tesla-T4-SHARED",
        }

    def test_their_taint_is_tolerated_with_a_gpu_only(self) -> None:
        taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
        assert taint in _pod({}, resources={"gpu": {}})["tolerations"]
        assert "tolerations" not in _pod({})

    def test_there_is_a_most(self) -> None:
        [line] = refusals(
            minimal("job"), site=load_site(_SITE), workers=2, resources={"gpu": {"count": 5}}
        )
        assert "10 GPUs over 2 pods are more than 8, the site's max_gpus" in line

    @pytest.mark.parametrize(
        ("target", "changes", "pods"),
        [
            ("katib", {"sweep": {**minimal("katib")["sweep"], "parallel": 3}}, 3),
            ("kserve", _CANARY, 2),
            ("kserve", {**_CANARY, "scaling": {"min": 1, "max": 3}}, 4),
            # On Knative the version on trial scales as the other does.
            ("kserve", {**_CANARY, "scaling": {"max": 3}, "options": {"mode": "Knative"}}, 6),
            ("seldon", _CANARY, 2),
        ],
    )
    def test_so_have_trials_and_a_version_on_trial(
        self, target: str, changes: dict[str, Any], pods: int
    ) -> None:
        spec = {**minimal(target), **changes, "resources": {"gpu": {"count": 2}}}
        assert refusals(spec, site=load_site({"max_gpus": 2 * pods})) == ()
        [line] = refusals(spec, site=load_site({"max_gpus": 2 * pods - 1}))
        assert f"{2 * pods} GPUs over {pods} pods are more than {2 * pods - 1}" in line


class TestNames:
    def test_nothing_is_allowed_that_is_not_listed(self) -> None:
        assert refusals(minimal("job"), site=Site(), namespace="x", service_account="y") == (
            "namespace: 'x' is not allowed by the site; there are none yet. "
            "An administrator adds it to namespaces",
            "service_account: 'y' is not allowed by the site; there are none yet. "
            "An administrator adds it to service_accounts",
        )

    def test_a_star_stands_for_any_text(self) -> None:
        site = load_site(_SITE)
        assert refusals(minimal("job"), site=site, namespace="team-a") == ()
        assert len(refusals(minimal("job"), site=site, namespace="kube-system")) == 1

    def test_the_namespace_is_on_every_object(self) -> None:
        job = main(minimal("job"), site=load_site(_SITE), namespace="team-a")
        assert job["metadata"]["namespace"] == "team-a"


class TestAdditions:
    def test_credentials_go_in_by_reference(self) -> None:
        container = _pod(_SITE)["containers"][0]
        assert container["envFrom"] == [{"secretRef": {"name": "s3-credentials"}}]
        token = {"secretKeyRef": {"name": "podium-token", "key": "PODIUM_TRACKING_TOKEN"}}
        assert {"name": "PODIUM_TRACKING_TOKEN", "valueFrom": token} in container["env"]
        assert {"name": "PODIUM_TRACKING_URI", "value": "http://podium.podium.svc"} in (
            container["env"]
        )

    def test_a_target_that_takes_single_keys_only_says_whose_they_are_to_list(self) -> None:
        assert refusals(minimal("trainjob"), site=load_site(_SITE)) == (
            "secrets: a TrainJob takes single keys; an administrator lists those of "
            "s3-credentials in the site's secrets",
        )

    @pytest.mark.parametrize("target", ["kserve", "seldon", "seldon2"])
    def test_a_server_that_is_none_of_ours_gets_none_of_them(self, target: str) -> None:
        made = main(minimal(target), site=load_site(_SITE))
        assert "s3-credentials" not in str(made)

    def test_what_the_spec_says_comes_first(self) -> None:
        container = _pod(_SITE, tracking={"uri": "https://other.example.com"})["containers"][0]
        assert {"name": "PODIUM_TRACKING_URI", "value": "https://other.example.com"} in (
            container["env"]
        )

    def test_nodes(self) -> None:
        pod = _pod(_SITE)
        assert pod["nodeSelector"] == {"pool": "ml"}
        assert pod["tolerations"] == [
            {"key": "ml", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
            {"key": "spot", "operator": "Exists"},
        ]

    def test_the_user_may_be_the_image_s(self) -> None:
        assert _pod({"run_as_user": 0})["securityContext"] == {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }

    def test_monitors_carry_the_labels_prometheus_looks_for(self) -> None:
        from .samples import manifests

        site = load_site(_SITE | {"service_accounts": ["*"]})
        monitor = manifests(full("job"), site=site)[1]
        assert monitor["kind"] == "PodMonitor"
        assert monitor["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"max_gpu": 1}, "max_gpu: is no field here; did you mean max_gpus?"),
        ({"classes": {"a": {"cpu": "x"}}}, "classes.a.cpu: must be an amount of CPU"),
        ({"tolerations": [{"effect": "Never"}]}, "tolerations[0].key: is missing"),
        ({"shared_gpus": "yes"}, "shared_gpus: must be one of renamed, time-slicing, mps"),
        ({"templates": {"t": {}}}, "templates.t.manifests: is missing; give a list of objects"),
        ({"templates": {"t": {"manifests": [1]}}}, "templates.t.manifests[0]: must be an object"),
    ],
)
def test_a_site_that_is_wrong(data: dict[str, Any], line: str) -> None:
    with pytest.raises(InvalidLaunch) as raised:
        load_site(data)
    assert raised.value.faults[0].startswith(line)
