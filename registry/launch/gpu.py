"""GPUs as the NVIDIA GPU operator and its device plugin name them: resources and node labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .site import Gpu, Mig, Sharing, Site

PRODUCT = "nvidia.com/gpu.product"
STRATEGY = "nvidia.com/gpu.sharing-strategy"
TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def resource(gpu: Gpu, site: Site) -> str:
    """The extended resource a container asks for."""
    if gpu.mig and site.mig_strategy is Mig.MIXED:
        return f"nvidia.com/mig-{gpu.mig.replace('+', '.')}"
    if gpu.shared and site.shared_gpus is Sharing.RENAMED:
        return "nvidia.com/gpu.shared"
    return "nvidia.com/gpu"


def node_selector(gpu: Gpu, site: Site) -> dict[str, str]:
    """The node labels that say which GPU it is, where the resource's name does not."""
    selector: dict[str, str] = {}
    product = gpu.product
    if gpu.mig and site.mig_strategy is Mig.SINGLE:
        product = f"{product}-MIG-{gpu.mig.replace('+', '.')}"
    if gpu.shared and site.shared_gpus is not Sharing.RENAMED:
        selector[STRATEGY] = str(site.shared_gpus)
        product = f"{product}-SHARED" if product else None
    if product:
        selector[PRODUCT] = product
    return selector


def limits(gpu: Gpu | None, site: Site) -> dict[str, str]:
    """A limit is enough: for an extended resource the request is the same."""
    return {resource(gpu, site): str(gpu.count)} if gpu else {}


def tolerations(gpu: Gpu | None, site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [dict(TAINT)] if gpu else []
    for each in site.tolerations:
        said = {"key": each.key, "operator": "Equal" if each.value else "Exists"}
        said |= {"value": each.value} if each.value else {}
        said |= {"effect": each.effect} if each.effect else {}
        found.append(said)
    return found


def faults(gpu: Gpu | None, site: Site) -> Iterator[str]:
    if gpu and gpu.mig and site.mig_strategy is Mig.SINGLE and not gpu.product:
        yield (
            "resources.gpu.product: is missing; with the MIG strategy single a slice is known by "
            "its product, as in A100-SXM4-40GB"
        )
