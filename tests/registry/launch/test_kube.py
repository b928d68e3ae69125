"""The door to the API server, over HTTP."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from podium.client.errors import ConfigError
from podium.registry.launch.cluster import Cluster, Log, connect
from podium.registry.launch.diagnose import diagnose
from podium.registry.launch.kinds import Kind
from podium.registry.launch.kube import Away, Gone, Refused
from podium.registry.launch.names import LAUNCH
from podium.registry.launch.site import Connection
from podium.registry.launch.spec import Owner

from .apiserver import ApiServer
from .samples import main, minimal

JOB = Kind("batch/v1", "Job")


def job(launch: str = "one", **more: Any) -> dict[str, Any]:
    return main(minimal("job"), owner=Owner(launch_id=launch), namespace="team", **more)


class TestApplying:
    def test_twice_is_once(self, cluster: Cluster, apiserver: ApiServer) -> None:
        first, second = cluster.apply(job()), cluster.apply(job())
        assert first["metadata"]["uid"] == second["metadata"]["uid"]
        assert len(apiserver.made) == 1

    def test_a_job_of_a_queue_is_created_once_and_never_suspended_again(
        self, cluster: Cluster, apiserver: ApiServer
    ) -> None:
        queued = job(queue="team-queue")
        cluster.apply(queued)
        apiserver.find("Job")["spec"]["suspend"] = False  # Kueue admits it
        cluster.apply(queued)
        assert apiserver.find("Job")["spec"]["suspend"] is False
        assert apiserver.calls["POST"] == 1
        assert apiserver.calls["PATCH"] == 0

    def test_of_another_launch_it_is_refused(self, cluster: Cluster, apiserver: ApiServer) -> None:
        cluster.apply(job(queue="q"))
        apiserver.find("Job")["metadata"]["labels"][LAUNCH] = "another"
        with pytest.raises(Refused, match=r"already, of launch another\.$"):
            cluster.apply(job(queue="q"))

    def test_a_dry_run_leaves_nothing(self, cluster: Cluster, apiserver: ApiServer) -> None:
        assert cluster.apply(job(), dry_run=True)["kind"] == "Job"
        assert cluster.apply(job(queue="q"), dry_run=True)["kind"] == "Job"
        assert apiserver.objects == {}

    def test_a_refusal_is_diagnosed(self, cluster: Cluster, apiserver: ApiServer) -> None:
        apiserver.missing.add("trainjobs")
        trainjob = main(minimal("trainjob"), owner=Owner(launch_id="one"), namespace="team")
        with pytest.raises(Refused) as refused:
            cluster.apply(trainjob)
        found = diagnose([refused.value.answer])
        assert found is not None
        assert found.code == "MissingCRD"

    @pytest.mark.parametrize("code", [409, 429, 500, 503])
    def test_what_may_work_later_is_no_refusal(
        self, cluster: Cluster, apiserver: ApiServer, code: int
    ) -> None:
        apiserver.fail.append((code, "not now"))
        with pytest.raises(Away, match=f"says {code}: not now"):
            cluster.apply(job())
        cluster.apply(job())

    def test_a_field_that_no_schema_knows_is_refused_for_good(
        self, cluster: Cluster, apiserver: ApiServer
    ) -> None:
        """Though the real one answers 500 to it."""
        said = "failed to create typed patch object (team/x): .spec.foo: field not declared"
        apiserver.fail.append((500, said))
        with pytest.raises(Refused, match=r"spec\.foo"):
            cluster.apply(job())

    def test_a_server_that_is_gone(self, cluster: Cluster, apiserver: ApiServer) -> None:
        apiserver.down = True
        with pytest.raises(Away, match="of the cluster test does not answer"):
            cluster.apply(job())


class TestReading:
    def test_a_list_in_pages_says_what_each_item_is(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("podium.registry.launch.cluster._PAGE", 2)
        for each in range(5):
            cluster.apply(job(str(each)))
        found = cluster.list(JOB, "team", labels="app.kubernetes.io/managed-by=podium")
        assert len({each["metadata"]["name"] for each in found.items}) == 5
        assert {(each["apiVersion"], each["kind"]) for each in found.items} == {("batch/v1", "Job")}
        assert cluster.tally.calls["LIST"] == 3
        assert cluster.list(JOB, "team", labels=f"{LAUNCH}=3").items[0]["metadata"]["labels"]

    def test_a_watch_goes_on_where_the_list_was(
        self, cluster: Cluster, apiserver: ApiServer
    ) -> None:
        cluster.apply(job("before"))
        version = cluster.list(JOB, "team").version
        threading.Timer(0.05, lambda: cluster.apply(job("after"))).start()
        found = next(cluster.watch(JOB, "team", version, seconds=5))
        assert found.type == "ADDED"
        assert found.object["metadata"]["labels"][LAUNCH] == "after"

    def test_a_watch_ends_by_itself(self, cluster: Cluster) -> None:
        assert list(cluster.watch(JOB, "team", "0", seconds=1)) == []

    def test_a_watch_from_what_is_forgotten(self, cluster: Cluster, apiserver: ApiServer) -> None:
        version = cluster.list(JOB, "team").version
        cluster.apply(job())
        apiserver.forget()
        with pytest.raises(Gone):
            list(cluster.watch(JOB, "team", version, seconds=5))

    def test_logs(self, cluster: Cluster, apiserver: ApiServer) -> None:
        apiserver.logs["pod"] = "2026-11-24T09:30:00Z one\n2026-11-24T09:30:01Z two"
        assert list(cluster.logs("team", Log("pod", tail=2))) == [
            "2026-11-24T09:30:00Z one",
            "2026-11-24T09:30:01Z two",
        ]
        assert list(cluster.logs("team", Log("gone"))) == []


def test_what_is_gone_is_as_good_as_deleted(cluster: Cluster, apiserver: ApiServer) -> None:
    name = cluster.apply(job())["metadata"]["name"]
    cluster.patch(JOB, "team", name, {"spec": {"suspend": True}})
    assert apiserver.find("Job")["spec"]["suspend"] is True
    for _ in range(2):
        cluster.delete(JOB, "team", name)
    cluster.patch(JOB, "team", name, {"spec": {"suspend": True}})
    assert cluster.get(JOB, "team", name) is None


def test_a_fork_opens_its_own_connections(connection: Connection) -> None:
    mine = connect("test", connection)
    assert connect("test", connection) is mine
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"same" if connect("test", connection) is mine else b"other")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"other"


def test_a_kubeconfig_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"^The cluster main cannot be reached: .*kubeconfig"):
        Cluster("main", Connection(kubeconfig="/nowhere/config"))
    with pytest.raises(ConfigError, match="PODIUM_LAUNCH_SITE"):
        Cluster("main", Connection())
