"""What is known of a cluster, over HTTP: listed, watched, and listed again when a watch breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from podium.registry.launch.cluster import Cluster
from podium.registry.launch.kinds import POD, Kind
from podium.registry.launch.kube import Away
from podium.registry.launch.names import LAUNCH
from podium.registry.launch.site import Connection
from podium.registry.launch.spec import Owner
from podium.registry.launches.view import View, needed

from ..launch.apiserver import ApiServer
from ..launch.samples import main, minimal

JOB = Kind("batch/v1", "Job")
PLACES = needed([JOB], "team", queued=False)


@pytest.fixture
def cluster(apiserver: ApiServer, tmp_path: Path) -> Cluster:
    return Cluster("test", Connection(kubeconfig=apiserver.kubeconfig(tmp_path)))


def job(launch: str) -> dict[str, Any]:
    return main(minimal("job"), owner=Owner(launch_id=launch), namespace="team")


def known(view: View) -> set[str]:
    return {launch for launch, _ in view.of_launches()}


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_watch_tells_of_what_happens(cluster: Cluster, apiserver: ApiServer) -> None:
    woken = threading.Event()
    view = View(cluster, woken.set)
    cluster.apply(job("one"))
    view.refresh(PLACES)
    assert known(view) == {"one"}
    cluster.apply(job("two"))
    until(lambda: known(view) == {"one", "two"})
    assert woken.wait(10)
    apiserver.remove(apiserver.find("Job", job("one")["metadata"]["name"]))
    until(lambda: known(view) == {"two"})
    view.refresh(PLACES)
    assert cluster.tally.calls["LIST"] == len(PLACES)  # nothing was listed twice
    view.close()


def test_one_that_is_too_late_has_all_listed_again(cluster: Cluster, apiserver: ApiServer) -> None:
    """410: what happened meanwhile is not known, and found out."""
    woken = threading.Event()
    view = View(cluster, woken.set)
    view.refresh(PLACES)
    until(lambda: apiserver.calls["WATCH"] == len(PLACES))
    with apiserver.changed:  # no watch hears of it in between
        cluster_job = job("one")
        apiserver.create(
            f"/apis/batch/v1/namespaces/team/jobs/{cluster_job['metadata']['name']}",
            cluster_job,
            {},
        )
        apiserver.forget()
    assert woken.wait(10)

    def again() -> bool:
        view.refresh(PLACES)
        return known(view) == {"one"}

    until(again)
    view.close()


def test_what_a_list_says_is_kept_while_the_server_is_away(
    cluster: Cluster, apiserver: ApiServer
) -> None:
    view = View(cluster, watches=False)
    cluster.apply(job("one"))
    view.refresh(PLACES)
    apiserver.down = True
    view.look_again()
    with pytest.raises(Away):
        view.refresh(PLACES)
    assert known(view) == {"one"}


def test_a_kind_that_is_not_installed_has_nothing(cluster: Cluster, apiserver: ApiServer) -> None:
    apiserver.missing.add("jobs")
    view = View(cluster, watches=False)
    view.refresh(PLACES)
    assert known(view) == set()


def test_what_was_made_after_the_list_may_be_there(cluster: Cluster) -> None:
    view = View(cluster, watches=False)
    view.refresh(PLACES)
    assert view.listed_since([JOB, POD], "team", time.monotonic() - 60)
    assert not view.listed_since([JOB], "team", time.monotonic())
    assert not view.listed_since([JOB], "elsewhere", 0.0)


def test_one_list_serves_them_all(cluster: Cluster) -> None:
    for number in range(30):
        cluster.apply(job(str(number)))
    before = dict(cluster.tally.calls)
    view = View(cluster, watches=False)
    view.refresh(PLACES)
    found = view.of_launches()
    assert len(found) == 30
    assert cluster.tally.calls["LIST"] - before.get("LIST", 0) == len(PLACES) == 2
    assert all(each["metadata"]["labels"][LAUNCH] for each in next(iter(found.values())))
