"""Random plans and random faults on simulated rails: no command leaves the limits, no frame is blurred.

The same as ``python -m benchmarks.rail_faults``, for seconds instead of half an hour.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rail_faults import MUST_NOT, Worker
from benchmarks.simulated_rails import KINDS


@pytest.mark.timeout(240)  # an answer that noise has eaten is waited for, 5 s each
@pytest.mark.parametrize("name", [kind for kind in KINDS if kind != "grbl-homed"])
def test_no_fault_leads_out_of_the_limits(name: str, tmp_path: Path) -> None:
    worker = Worker(name, seed=3, folder=tmp_path)
    worker.work(faults=5)
    assert worker.counts["faults"] >= 5
    assert worker.counts["frames"] > 2
    assert worker.counts["finished"] + worker.counts["resumable"] + worker.counts["refused"] > 0
    assert {what: worker.counts[what] for what in MUST_NOT} == dict.fromkeys(MUST_NOT, 0), worker.said


def test_the_audit_sees_a_command_beyond_the_limits(tmp_path: Path) -> None:
    """Or it could not fail."""
    worker = Worker("grbl", seed=3, folder=tmp_path)
    rail = worker._rail
    try:
        axis = worker._referenced()
        worker._audit()
        assert worker.counts["limit violations"] == 0
        rail.sim.inject(b"G53G1X60F120\n")
        axis.stop()
        while not rail.carriage.speed_mm_s(rail.clock.now()):
            pass
        worker._audit()
        assert worker.counts["limit violations"] == 1
    finally:
        rail.close()
