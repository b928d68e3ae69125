"""The log of a launch: what is kept of it, and that whoever follows it misses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from podium.client.errors import NotFound
from podium.client.launches import Launch, LaunchState
from podium.registry.launches import logs
from podium.registry.launches.live import LogPage, read_log
from podium.registry.launches.read import kept_log
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.clock import now_ms

from ..launch.apiserver import Object
from .conftest import TRAIN, World, condition

RUNS: dict[str, Any] = {"running": {"startedAt": "2027-01-15T08:00:00Z"}}


def begun(world: World, **more: Any) -> tuple[Launch, Object]:
    world.version()
    launch = world.start(TRAIN, **more)
    world.work()
    return launch, world.server.find("Job")


def pod(world: World, job: Object, name: str, *others: str, index: int = 0) -> Object:
    """With a container ``main`` and ``others`` that have begun."""
    said = [{"name": each, "state": RUNS} for each in ("main", *others)]
    made = world.pod(job, name, containerStatuses=said)
    made["metadata"]["annotations"] = {"batch.kubernetes.io/job-completion-index": str(index)}
    return made


def written(start: int, stop: int, word: str = "line") -> str:
    """Lines by their number, a millisecond after one another."""
    return "".join(
        f"2027-01-15T08:{n // 60_000:02}:{n // 1000 % 60:02}.{n % 1000:03}Z {word} {n}\n"
        for n in range(start, stop)
    )


def texts(page: LogPage) -> list[str]:
    return [line.text for line in page.lines]


def read(world: World, launch: Launch, **more: Any) -> LogPage:
    return read_log(world.db, world.store, world.site, launch.launch_id, **more)


class TestFollowing:
    def test_what_it_wrote_last_comes_when_it_is_over(self, world: World) -> None:
        launch, job = begun(world)
        pod(world, job, "pod")
        world.server.logs["pod"] = written(0, 2)
        seen = read(world, launch)
        assert (texts(seen), seen.over) == (["line 0", "line 1"], False)
        world.server.logs["pod"] += "2027-01-15T08:01:00Z Traceback\n"
        world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
        world.work()
        assert world.launch(launch).state is LaunchState.FAILED
        last = read(world, launch, since=seen.cursor)
        assert (texts(last), last.over) == (["Traceback"], True)
        assert texts(read(world, launch, since=last.cursor)) == []

    def test_more_than_are_kept_for_the_page(self, world: World) -> None:
        """And more than one answer holds."""
        launch, job = begun(world)
        pod(world, job, "pod")
        world.server.logs["pod"] = written(0, 1)
        seen = read(world, launch)
        world.server.logs["pod"] = written(0, 12_000)
        world.server.say(job, conditions=[condition("Complete")])
        world.work()
        found: list[str] = []
        while not seen.over:
            seen = read(world, launch, since=seen.cursor)
            found += texts(seen)
        assert found == [f"line {n}" for n in range(1, 12_000)]

    def test_of_one_of_several_workers(self, world: World) -> None:
        launch, job = begun(world, workers=2)
        for index in range(2):
            pod(world, job, f"pod-{index}", index=index)
            world.server.logs[f"pod-{index}"] = written(0, 1, f"worker {index}")
        seen = read(world, launch, pod="pod-1")
        assert texts(seen) == ["worker 1 0"]
        for index in range(2):
            world.server.logs[f"pod-{index}"] = written(0, 300, f"worker {index}")
        world.server.say(job, conditions=[condition("Complete")])
        world.work()
        last = read(world, launch, pod="pod-1", since=seen.cursor)
        assert texts(last) == [f"worker 1 {n}" for n in range(1, 300)]
        assert texts(read(world, launch, pod="pod-1")) == [f"worker 1 {n}" for n in range(100, 300)]
        with pytest.raises(NotFound, match="there are pod-0, pod-1"):
            read(world, launch, pod="pod-2")

    def test_until_its_log_is_kept(self, world: World) -> None:
        """Between its end and that, the pod is still asked."""
        world.clock.now = now_ms()  # its end is written down by the real one
        launch, job = begun(world)
        pod(world, job, "pod")
        world.server.logs["pod"] = written(0, 1)
        seen = read(world, launch)
        world.server.silent.add("pod")
        world.server.say(job, conditions=[condition("Complete")])
        world.work()
        assert not world.launch(launch).active
        world.server.silent.clear()
        world.server.logs["pod"] = written(0, 2)
        seen = read(world, launch, since=seen.cursor)
        assert (texts(seen), seen.over) == (["line 1"], False)
        world.work()
        seen = read(world, launch, since=seen.cursor)
        assert (texts(seen), seen.over) == ([], True)


class TestKeeping:
    def test_the_last_lines_of_the_first_and_all_of_each_container(self, world: World) -> None:
        launch, job = begun(world)
        pod(world, job, "pod", "proxy")
        world.server.logs["pod"] = written(0, 1000)
        world.server.logs["pod/proxy"] = written(0, 3, "proxied")
        world.server.say(job, conditions=[condition("Complete")])
        world.work()
        assert kept_log(world.db, launch.launch_id) == [f"line {n}" for n in range(800, 1000)]
        assert texts(read(world, launch)) == kept_log(world.db, launch.launch_id)
        names = ("launch-logs/pod.main.log", "launch-logs/pod.proxy.log")
        assert world.launch(launch).logs == names
        assert stored(world, launch, "pod.main.log") == written(0, 1000)
        assert stored(world, launch, "pod.proxy.log") == written(0, 3, "proxied")

    def test_of_many_pods_the_first_workers(self, world: World) -> None:
        launch, job = begun(world, workers=40)
        for index in reversed(range(40)):
            pod(world, job, f"pod-{index}", index=index)
            world.server.logs[f"pod-{index}"] = written(0, 1, f"worker {index}")
        world.server.say(job, conditions=[condition("Complete")])
        world.work()
        assert kept_log(world.db, launch.launch_id) == ["worker 0 0"]
        assert read(world, launch).pods == tuple(f"pod-{index}" for index in range(32))
        kept = world.launch(launch).logs
        assert kept == tuple(f"launch-logs/pod-{index}.main.log" for index in range(32))
        assert stored(world, launch, "pod-31.main.log") == written(0, 1, "worker 31")

    def test_no_more_of_one_than_fits(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logs, "_MOST_BYTES", 10_000)
        launch, job = begun(world)
        pod(world, job, "pod")
        world.server.logs["pod"] = written(0, 1000)
        world.server.say(job, conditions=[condition("Complete")])
        world.work()
        size = len(stored(world, launch, "pod.main.log"))
        assert 9_900 < size <= 10_002  # a line that was cut is made whole


def stored(world: World, launch: Launch, name: str) -> str:
    [found] = [each.key for each in world.store.walk() if each.key.endswith(f"/launch-logs/{name}")]
    with world.store.open(ArtifactPath(found)) as content:
        return content.read().decode()
