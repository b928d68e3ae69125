"""docs/reliability.md, made by a run of the tests that break things: `make faults`.

    python -m tests.faults.report tests            # the tests of the table, for pytest
    python -m tests.faults.report write RUN.xml …  # the table, of pytest's JUnit reports

Each fault names the tests that prove it; one that failed or was skipped says so in the table.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"


@dataclass(frozen=True)
class Fault:
    number: str
    what: str
    promise: str
    tests: tuple[str, ...]


FAULTS = (
    Fault(
        "A1",
        "The server dies twice during a training",
        "no exception in the training, every point once",
        ("tests/test_faults.py::test_a_training_outlives_two_deaths_of_the_server",),
    ),
    Fault(
        "A2",
        "The training is killed at any moment; a record is torn",
        "what returned is sent by the next process; the torn one is skipped and counted",
        (
            "tests/client/test_spool.py::test_kill_9_loses_no_call_that_returned",
            "tests/client/test_spool.py::test_a_torn_record_is_skipped_and_counted",
        ),
    ),
    Fault(
        "A3",
        "Answers are lost after the commit",
        "nothing is doubled",
        ("tests/client/test_spool.py::test_a_thousand_lost_answers_double_nothing",),
    ),
    Fault(
        "A4",
        "The server hangs",
        "no call blocks, the end of a run has a limit",
        (
            "tests/client/test_delivery.py::test_a_server_that_hangs_blocks_no_call",
            "tests/client/test_delivery.py::test_end_run_has_a_limit_and_says_what_waits",
        ),
    ),
    Fault(
        "A5",
        "The disk of the spool is full",
        "a warning, and the training goes on",
        ("tests/client/test_spool.py::test_a_disk_that_fills_up_in_the_middle",),
    ),
    Fault(
        "A6",
        "Clocks of a worker, of PostgreSQL and of a laptop are put by a day, forward and back",
        "no run is taken for dead, a dead one not missed; every event delivered; no lease outlasts "
        "its length; nothing removed while clocks disagree",
        (
            "tests/faults/test_clocks.py::test_of_a_worker_and_of_the_database",
            "tests/faults/test_clocks.py::test_of_a_laptop",
            "tests/tracker/test_clock.py",
        ),
    ),
    Fault(
        "A7",
        "Two hundred workers of one run; forks",
        "no deadlock, every point once",
        (
            "tests/client/test_ranks.py::test_two_hundred_workers_of_one_run",
            "tests/client/test_processes.py::test_forked_workers_log_their_own_and_nothing_twice",
        ),
    ),
    Fault(
        "A9",
        "429, 413, 401 in the middle of a run",
        "waits as told, sends halves, keeps what it has",
        (
            "tests/client/test_delivery.py::test_retry_after_is_honoured",
            "tests/client/test_delivery.py::test_a_batch_that_is_too_large_is_sent_in_halves",
            "tests/client/test_delivery.py::test_a_refused_token_is_told_and_what_waits_is_kept",
        ),
    ),
    Fault(
        "A10",
        "A training is killed and says nothing any more",
        "FAILED and tagged as crashed; revives when what it left arrives",
        ("tests/test_faults.py::test_a_training_that_is_killed_is_seen_to_have_crashed",),
    ),
    Fault(
        "B1",
        "kill -9 of servers, their processes and workers, at random, under many clients",
        "every acknowledgement holds, nothing twice, promotions whole, every event delivered",
        ("tests/faults/test_replicas.py::test_random_kills_under_many_clients",),
    ),
    Fault(
        "B2",
        "PostgreSQL crashes and comes back",
        "503 meanwhile, not ready but live, heals without a restart",
        ("tests/faults/test_database.py::test_it_crashes_and_comes_back",),
    ),
    Fault(
        "B2a",
        "PostgreSQL is replaced by its standby",
        "the same",
        ("tests/faults/test_database.py::test_another_takes_its_place",),
    ),
    Fault(
        "B2b",
        "The network to PostgreSQL breaks again and again",
        "the same",
        ("tests/faults/test_database.py::test_the_network_to_it_breaks_again_and_again",),
    ),
    Fault(
        "B2c",
        "PostgreSQL only reads",
        "reads work, changes are answered 503",
        ("tests/faults/test_database.py::test_it_only_reads",),
    ),
    Fault(
        "B4",
        "PostgreSQL hangs (SIGSTOP)",
        "live meanwhile, goes on afterwards",
        ("tests/faults/test_database.py::test_it_hangs_and_goes_on",),
    ),
    Fault(
        "B6",
        "An upload in parts is cut anywhere",
        "whole, or what was there before",
        ("tests/faults/test_files.py::test_an_upload_in_parts_is_cut_anywhere",),
    ),
    Fault(
        "B8",
        "The bucket throttles or hangs",
        "tried again, then 503; never half a file",
        (
            "tests/faults/test_files.py::test_the_bucket_says_slow_down",
            "tests/faults/test_files.py::test_the_bucket_hangs",
        ),
    ),
    Fault(
        "B9",
        "Runs are purged, swept and registered at once",
        "what is registered has its files",
        ("tests/registry/test_storage.py::test_registering_and_collecting_at_once_loses_nothing",),
    ),
    Fault(
        "B10",
        "`podium gc` is killed at every step",
        "the next one finishes, nothing is forgotten",
        ("tests/registry/test_storage.py::test_killed_at_every_step_the_next_one_finishes",),
    ),
    Fault(
        "B11",
        "Upgrades from every schema, under load, several at once, failing in the middle",
        "all that was in it is there, no request fails; one does it; nothing changed",
        (
            "tests/migrations/test_upgrades.py",
            "tests/migrations/test_side_by_side.py",
            "tests/tracker/test_db.py::test_an_upgrade_is_done_once_however_many_start_it",
        ),
    ),
    Fault(
        "B12",
        "Backup under writes; a backup or restore is killed at each step",
        "one moment, every row and byte; a half one is none",
        ("tests/registry/backup/test_backup.py",),
    ),
    Fault(
        "B13",
        "Export, import, export again",
        "equal byte by byte",
        ("tests/registry/transfer/test_round_trip.py::test_a_move_keeps_every_byte",),
    ),
    Fault(
        "B14",
        "The disk of PostgreSQL, or of a laptop, is full",
        "changes are answered 503, and it goes on when there is room",
        (
            "tests/faults/test_database.py::test_its_disk_is_full",
            "tests/faults/test_files.py::test_the_disk_of_a_laptop_is_full",
        ),
    ),
    Fault(
        "C1",
        "Many promote at once",
        "one wins, the stage has one holder at any time",
        ("tests/registry/promotion/test_concurrency.py",),
    ),
    Fault(
        "C3",
        "kill -9 at every statement of a promotion",
        "all of it or nothing",
        ("tests/registry/promotion/test_crashes.py",),
    ),
    Fault(
        "C4",
        "Receivers fail, hang, redirect; a worker dies at any point of a delivery",
        "sent again under the same id, others are not delayed",
        (
            "tests/registry/webhooks/test_workers.py::test_receivers_that_fail_or_hang_delay_no_other",
            "tests/registry/webhooks/test_workers.py::test_killed_at_any_point_a_worker_loses_nothing",
        ),
    ),
    Fault(
        "C5",
        "A worker is paused past its lease",
        "what it writes then is refused",
        (
            "tests/registry/webhooks/test_workers.py::"
            "test_a_worker_that_slept_through_its_lease_writes_nothing",
        ),
    ),
    Fault(
        "C6",
        "The API server of Kubernetes is away for a minute while a launch runs",
        "the launch stands as it stood, ends as its job does, and is one object",
        ("tests/cluster/test_faults.py::test_while_the_api_server_is_away_all_stands_as_it_stood",),
    ),
)


@dataclass
class _Run:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    measured: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.failed:
            return f"**{self.failed} failed**"
        if not self.passed:
            return "not run here"
        return f"{self.passed} passed" + (f", {self.skipped} skipped" if self.skipped else "")


def main(arguments: list[str]) -> None:
    if arguments == ["tests"]:
        print(*(test for fault in FAULTS for test in fault.tests))  # noqa: T201
    else:
        PAGE.write_text(page([ElementTree.parse(each) for each in arguments[1:]]))


def page(found: Sequence[ElementTree.ElementTree[ElementTree.Element]]) -> str:
    by_test: dict[str, _Run] = {}
    for report in found:  # of what is in several of them the last counts
        by_test |= _by_test(report)
    lines = [_HEAD.format(date=time.strftime("%Y-%m-%d"), machine=_machine())]
    for fault in FAULTS:
        whole = _Run()
        for test in fault.tests:
            run = by_test.get(test, _Run())
            whole.passed += run.passed
            whole.failed += run.failed
            whole.skipped += run.skipped
            whole.seconds += run.seconds
            whole.measured += run.measured
        lines.append(
            f"| {fault.number} | {fault.what} | {fault.promise} | {whole.outcome}, "
            f"{whole.seconds:.0f} s | {'; '.join(whole.measured)} |\n"
        )
    return "".join(lines)


def _by_test(report: ElementTree.ElementTree[ElementTree.Element]) -> dict[str, _Run]:
    """By module, and by test of it with all its parameters."""
    found: defaultdict[str, _Run] = defaultdict(_Run)
    for case in report.iter("testcase"):
        module = case.get("classname", "").replace(".", "/") + ".py"
        name = case.get("name", "").partition("[")[0]
        for key in (module, f"{module}::{name}"):
            run = found[key]
            run.seconds += float(case.get("time", "0"))
            if case.find("failure") is not None or case.find("error") is not None:
                run.failed += 1
            elif case.find("skipped") is not None:
                run.skipped += 1
            else:
                run.passed += 1
            run.measured += [
                each.get("value", "")
                for each in case.iter("property")
                if each.get("name") == "measured"
            ]
    return found


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}"


_HEAD = """# What happens when things break

Each row is a fault that is done to real processes: Podium's own servers and workers, PostgreSQL, an
S3 server, disks of their own, over a proxy on loopback that cuts, delays and drops. Clients go on
meanwhile and send again what they got no answer to, as Podium's client does; afterwards everything
they were told is compared with the database: nothing acknowledged lost, nothing doubled, every
promotion whole (history, audit row, event), every event delivered.

`make faults` runs all of it, with ten minutes of random kills, and writes this page; `make test`
runs the same with a quarter of a minute. This run: {date}, {machine}.

Which clock goes: what processes agree upon (leases, when something is due, signs of life) goes by
PostgreSQL's clock, which each process asks and counts on from by its monotonic one; on one machine
by that machine's. What would end later than it can was written by a clock that was put back since,
and is over. Tokens, logins and invitations end by the clock of the server that is asked: put a day
forward it refuses what ends within the day, and takes it again when it is right. A delivery whose
receiver had failed while PostgreSQL's own clock was wrong waits until the moment that it wrote
down; switching its webhook off and on again sends it at once.

Not tested: power cuts (SQLite runs with `synchronous=FULL`, PostgreSQL with its own defaults).

| | Fault | What is promised | Tests | Counted in this run |
|---|---|---|---|---|
"""

if __name__ == "__main__":
    main(sys.argv[1:])
